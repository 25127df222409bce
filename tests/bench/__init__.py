"""What Folkmoot costs: a neighbourhood of full size, the real processes, and one table (`make bench`)."""
