"""For people: pages in a browser."""
