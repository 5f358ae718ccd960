"""The benchmark of the relay beside three others: `python -m bench --help`."""
