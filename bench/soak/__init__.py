"""Minutes of mixed traffic through one relay, before a model's server that misbehaves.

Readers drop and come back, stop, reload and ask again. No text may be wrong, and what the relay
holds may not grow.
"""
