"""How the small state of a session or a person changes, and how small it has to be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

LARGEST = 65_536
"""Characters of JSON; what is larger belongs into a table of the author's own."""

Change = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Makes the new state from the one that there is."""


def changed(
    state: dict[str, Any], change: Change | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Give a state after a change: what the function makes of it, then each value set, or its key
    removed where it is None.

    It is as it will be read back: JSON has lists for tuples, and text for all keys.

    Raises:
        TypeError: the function gave no mapping of text, or there is something in it that JSON has
            no word for.
        ValueError: it is too large.
    """
    made = state if change is None else change(state)
    if not isinstance(made, Mapping) or not all(isinstance(key, str) for key in made):
        raise TypeError(f"a state is a mapping with text for keys, not {type(made).__name__}")
    merged = {
        key: value
        for key, value in {**made, **values}.items()
        if not (key in values and value is None)
    }
    try:
        text = json.dumps(merged, ensure_ascii=False, allow_nan=False)
    except ValueError as error:  # it refers to itself, or has a number that is none
        raise TypeError(f"JSON has no word for something in this state: {error}") from error
    if len(text) > LARGEST:
        raise ValueError(f"a state has {LARGEST} characters of JSON at most, not {len(text)}")
    kept: dict[str, Any] = json.loads(text)
    return kept
