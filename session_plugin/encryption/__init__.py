"""A key for each person: what is stored is sealed, and forgetting destroys the key.

`sealing` is the one place where values are sealed and opened; operations in records/ know nothing
of it. Knows no hub, no platform and no hooks.
"""
