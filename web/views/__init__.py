"""What each page shows, as frozen values: handlers fill them, templates only read them."""
