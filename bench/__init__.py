"""How fast the relay is, side by side with three others: `python -m bench --help`."""
