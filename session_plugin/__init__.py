"""One conversation per person, whichever chat platform they write from."""

__version__ = "0.1.0"
