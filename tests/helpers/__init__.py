"""Shared by the tests: real processes, a scripted model, and clients that see the wire."""
