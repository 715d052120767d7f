"""How the state of a session or a person changes, and how large it may be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

LARGEST = 65_536
"""Characters of JSON; larger data belongs in a table of the author's own."""

Change = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Returns a new state, given the current one."""


def changed(
    state: dict[str, Any], change: Change | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the new state: the result of `change`, then `values` set in it.

    A value of None removes its key. The result is as it will be read back from JSON: tuples are
    lists, and all keys are text.

    Raises:
        TypeError: `change` returned no mapping with text keys, or a value has no form in JSON.
        ValueError: the state has more than `LARGEST` characters of JSON.
    """
    made = state if change is None else change(state)
    if not isinstance(made, Mapping) or not all(isinstance(key, str) for key in made):
        raise TypeError(f"a state must be a mapping with text keys, not {type(made).__name__}")

    merged = {
        key: value
        for key, value in {**made, **values}.items()
        if not (key in values and value is None)
    }
    try:
        text = json.dumps(merged, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:  # it contains itself, NaN or an infinity
        raise TypeError(f"this state cannot be stored as JSON: {error}") from error

    if len(text) > LARGEST:
        raise ValueError(
            f"a state may have {LARGEST} characters of JSON, not {len(text)}: keep large data in "
            "a table of your own"
        )

    stored: dict[str, Any] = json.loads(text)

    return stored
