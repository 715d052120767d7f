"""Methods that send neither text nor files: places, contacts, dice, polls. Must not know HTTP."""

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
    """Implements the methods whose content consists of plain fields."""

    def __init__(self, world: World, sending: Sending) -> None:
        """Use `sending` to write messages."""
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
            option.get("text") if isinstance(option, dict) else option
            for option in call.sequence("options") or []
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
    # A venue is also shown as a location, for older clients.
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
