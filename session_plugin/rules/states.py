"""How the small state of a session or a person changes, and how small it has to be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

LARGEST = 65_536
"""Characters of JSON; what is larger belongs into a table of the author's own."""

Change = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Makes the new state from the one that there is."""


def changed(state: dict[str, Any], change: Change | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give a state after a change: what the function makes of it, then each value set, or its key removed where it is None.

    Raises:
        TypeError: the function gave no mapping of text, or there is something in it that JSON has no word for.
        ValueError: it is too large.
    """
    made = state if change is None else change(state)
    if not isinstance(made, Mapping) or not all(isinstance(key, str) for key in made):
        raise TypeError(f"a state is a mapping with text for keys, not {type(made).__name__}")
    merged = {key: value for key, value in {**made, **values}.items() if not (key in values and value is None)}
    size = len(json.dumps(merged, ensure_ascii=False))  # raises what storing it would raise
    if size > LARGEST:
        raise ValueError(f"a state has {LARGEST} characters of JSON at most, not {size}")
    return merged
