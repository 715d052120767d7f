"""Plugins: found, called one by one, isolated; and the built-in ones."""
