"""What is kept at hand for a while: so many entries, of which the oldest goes. Knows nothing of
what they are.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(OrderedDict[K, V]):
    """A dictionary that forgets its oldest entries."""

    def __init__(self, most: int) -> None:
        """Keep at most so many entries."""
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        """Keep an entry as the newest."""
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self._most:
            self.popitem(last=False)
