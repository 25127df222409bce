"""The moot itself: what this instance keeps, and how it runs. Imports none of the floors above."""
