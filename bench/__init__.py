"""The benchmark, see README.md: `python -m bench`, or `make bench`."""
