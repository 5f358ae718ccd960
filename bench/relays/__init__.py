"""The other Python relays, each written as in the tutorials of its framework."""
