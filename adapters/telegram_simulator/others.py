"""Methods by which the bot sends what is neither text nor a file: places, contacts, dice, polls.
Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any

from .calls import Call, bad_request
from .payloads import message_payload
from .sending import Sending, inline_keyboard
from .world import Content, World


class Others:
    """Answer the methods whose content the Bot API describes by fields alone."""

    def __init__(self, world: World, sending: Sending) -> None:
        """Take the world, and what writes the bot's messages."""
        self._world = world
        self._sending = sending
        self._polls = count(6_000_000_000_000_000_001)

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the methods by their documented names."""
        made = {
            "sendLocation": _location,
            "sendVenue": _venue,
            "sendContact": _contact,
            "sendDice": _dice,
            "sendPoll": self._poll,
        }
        return {method: partial(self._send, make=make) for method, make in made.items()}

    def _send(self, call: Call, make: Callable[[Call], dict[str, Any]]) -> dict[str, Any]:
        content = Content(reply_markup=inline_keyboard(call), extra=make(call))
        return message_payload(self._sending.post(call, content), self._world)

    def _poll(self, call: Call) -> dict[str, Any]:
        texts = [
            one.get("text") if isinstance(one, dict) else one
            for one in call.sequence("options") or []
        ]
        if not call.text("question") or not texts:
            raise bad_request("a poll has a question and options")
        poll = {
            "id": str(next(self._polls)),
            "question": call.text("question"),
            "options": [
                {"text": text, "voter_count": 0, "persistent_id": str(place)}
                for place, text in enumerate(texts)
            ],
            "total_voter_count": 0,
            "is_closed": False,
            "is_anonymous": True,
            "type": call.text("type") or "regular",
            "allows_multiple_answers": call.flag("allows_multiple_answers"),
            "allows_revoting": True,
            "members_only": False,
        }
        return {"poll": poll}


def _location(call: Call) -> dict[str, Any]:
    try:
        return {
            "location": {
                "latitude": float(call.text("latitude")),
                "longitude": float(call.text("longitude")),
            }
        }
    except ValueError as error:
        raise bad_request("a location has a latitude and a longitude") from error


def _venue(call: Call) -> dict[str, Any]:
    # For clients that know no venues, each is shown as a location as well.
    location = _location(call)
    return {
        "venue": {**location, "title": call.text("title"), "address": call.text("address")},
        **location,
    }


def _contact(call: Call) -> dict[str, Any]:
    return {
        "contact": {
            "phone_number": call.text("phone_number"),
            "first_name": call.text("first_name"),
        }
    }


def _dice(call: Call) -> dict[str, Any]:
    return {"dice": {"emoji": call.text("emoji") or "🎲", "value": 4}}
