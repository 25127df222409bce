"""A community enforces its own rules over its moot."""
