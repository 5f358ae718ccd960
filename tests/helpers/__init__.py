"""What the tests share: real processes, a scripted model, and clients that see the wire."""
