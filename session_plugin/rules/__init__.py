"""Decisions, each a pure function: no I/O, no clock, no randomness. Knows only the model."""
