"""The figures the box has to hold, measured: `make bench`, or `python -m tests.bench --help`."""
