"""What the bot sends: whom it answers, and that it leaves only when what it answers is stored.

Discord tells a bot of its own messages twice, in no promised order: in the answer to sending one, and by an event, which is
all that there is of those sent in other ways. A message in a guild names nobody whom it answers; that is noted here, by the
nonce under which it is sent, from the handler that sends it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import discord

from session_plugin import Account

REMEMBERED = 1000
"""Nonces kept until their messages come back, which takes moments."""
PATIENCE_AT_THE_END = 2.0
"""Seconds that a bot which is closing waits for what it is sending."""


@dataclass(frozen=True, slots=True)
class Answering:
    """The message that the current handler answers, and its way into the hub."""

    channel_id: int
    account: Account | None
    arrival: asyncio.Task[Any]


answering: ContextVar[Answering | None] = ContextVar("session_plugin_discord_answering", default=None)
"""Set when a message comes, before discord.py makes the tasks of its handlers, which copy it; reset at each event."""


class Outgoing:
    """One bot's sending."""

    def __init__(self, bot: discord.Client, *, sent: Callable[[Any], Awaitable[None]]) -> None:
        """Watch nothing yet; `sent` is awaited with what Discord answers to each message, before its sender goes on."""
        self._http: Any = bot.http
        self._send: Any = None
        self._sent = sent
        self._under_way: set[asyncio.Future[None]] = set()
        self._answered: OrderedDict[str, Account | None] = OrderedDict()
        self._unrecorded: OrderedDict[str, None] = OrderedDict()

    def watch(self) -> None:
        """Stand before the one function that sends messages to a channel; it is private, and in all of discord.py 2."""
        self._send = self._http.send_message
        self._http.send_message = self._send_message

    async def unwatch(self) -> None:
        """Put things back, unless somebody else stands there now, and wait a while for what is being sent."""
        if self._http.__dict__.get("send_message") == self._send_message:
            del self._http.send_message
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=PATIENCE_AT_THE_END)

    def unrecorded_nonce(self) -> str:
        """Make a nonce for a message that is not to be recorded: an answer to one of our commands."""
        nonce = str(secrets.randbits(63))
        _remember(self._unrecorded, nonce, None)
        return nonce

    def is_unrecorded(self, message: discord.Message) -> bool:
        """Tell whether a message of the bot's was sent under such a nonce."""
        return message.nonce is not None and str(message.nonce) in self._unrecorded

    def answered_by(self, message: discord.Message) -> Account | None:
        """Tell whom a message of the bot's answers, by the handler that sent it; None if none did."""
        return None if message.nonce is None else self._answered.get(str(message.nonce))

    async def _send_message(self, channel_id: int, *, params: Any) -> Any:
        current = answering.get()
        if current is not None:
            await asyncio.wait({current.arrival})  # no longer than the hub's patience, filters included
            nonce = _nonce(params)
            if nonce is not None and current.channel_id == int(channel_id):
                _remember(self._answered, nonce, current.account)
        under_way = asyncio.get_running_loop().create_future()
        self._under_way.add(under_way)
        try:
            data = await self._send(channel_id, params=params)
            await self._sent(data)
        finally:
            self._under_way.discard(under_way)
            under_way.set_result(None)
        return data


def _nonce(params: Any) -> str | None:
    """Find the nonce in what discord.py is about to send: a payload, or a form with the payload in it."""
    payload = getattr(params, "payload", None)
    for part in getattr(params, "multipart", None) or ():
        if part.get("name") == "payload_json":
            payload = json.loads(part["value"])
    nonce = payload.get("nonce") if isinstance(payload, dict) else None
    return None if nonce is None else str(nonce)


def _remember(kept: OrderedDict[str, Any], key: str, value: Any) -> None:
    kept[key] = value
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
