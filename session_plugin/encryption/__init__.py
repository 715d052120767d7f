"""A key for each person: what is stored is sealed, and forgetting destroys the key.

Knows databases as files and servers with keys in them; knows no hub, no platform and no hooks.
"""
