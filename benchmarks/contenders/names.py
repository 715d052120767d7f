"""Ids as platforms make them, for all contenders that keep any: 18 digits for people and chats, 19
for messages.
"""

import itertools
import time

_FIRST_CHAT = 710_000_000_000_000_000
_FIRST_PERSON = 330_000_000_000_000_000
_STEP = 7_654_321_987
_EPOCH = 1_420_070_400_000


def chat_id(user: int) -> str:
    """Give the id of somebody's direct chat."""
    return str(_FIRST_CHAT + user * _STEP)


def person_id(user: int) -> str:
    """Give the id of somebody's account."""
    return str(_FIRST_PERSON + user * _STEP)


def message_ids() -> "itertools.count[int]":
    """Give ids that rise, and go on above those of an earlier process: milliseconds in the upper
    bits, then a number.
    """
    return itertools.count((time.time_ns() // 1_000_000 - _EPOCH) << 22)
