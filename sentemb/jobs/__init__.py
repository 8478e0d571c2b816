"""A training of a recipe as it is asked for: its data, its method, its run and its record."""
