"""Ids like those of platforms: 18 digits for people and chats, 19 for messages."""

import itertools
import time

_FIRST_CHAT = 710_000_000_000_000_000
_FIRST_PERSON = 330_000_000_000_000_000
_STEP = 7_654_321_987
_EPOCH = 1_420_070_400_000


def chat_id(user: int) -> str:
    """Return the id of a person's direct chat."""
    return str(_FIRST_CHAT + user * _STEP)


def person_id(user: int) -> str:
    """Return the id of a person's account."""
    return str(_FIRST_PERSON + user * _STEP)


def message_ids() -> "itertools.count[int]":
    """Return increasing ids, above those of earlier processes: milliseconds, then a number."""
    return itertools.count((time.time_ns() // 1_000_000 - _EPOCH) << 22)
