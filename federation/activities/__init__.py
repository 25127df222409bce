"""One file an activity: `receive` what arrives, `build` what leaves."""
