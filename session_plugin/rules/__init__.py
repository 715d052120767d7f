"""Decisions, each a pure function: no I/O, no clock, no randomness of their own. They know the
model and nothing else.
"""
