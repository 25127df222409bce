"""HTML, one file an audience task."""
