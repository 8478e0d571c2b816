"""One file for each command of ``sentemb``: its options, its help, and what it calls."""
