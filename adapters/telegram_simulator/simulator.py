"""The simulator as a whole: people and places, and the server that the bot connects to.

Puts the parts together. `people` and `places` have what people do; `account`, `sending` and `media`
have what the bot does.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from http.client import responses
from types import TracebackType
from typing import Any, Self

from .account import Account
from .calls import Refusal
from .copying import Copying
from .files import FileStore
from .inline import Inline, InlinePeople
from .media import Media
from .others import Others
from .sending import Sending
from .server import PlannedFailure, Server
from .updates import UpdateQueue
from .webhook import Webhook
from .world import SimulatedUser, World

_TOKEN = re.compile(r"([1-9][0-9]*):[\w-]+", re.ASCII)


class TelegramSimulator(InlinePeople):
    """Runs a Bot API server on 127.0.0.1 for one bot, and lets people talk to that bot.

    Use it as an asynchronous context manager, or call `start` and `stop`. A stopped simulator can
    start again, as after an outage: same address, same messages, same pending updates. Everything
    runs in the event loop that started it.

    Not simulated: group privacy (the bot sees all messages), members who join or leave,
    reactions, votes in polls, payments, direct messages of channels, rate limits (see
    `fail_next`), and methods for which the server returns 404.

    Args:
        token: The token that is accepted: the bot's id, a colon, then letters, digits, `_` or `-`.
        bot_name: The bot's name. Its username is derived from it and ends with "bot".
        port: The port to listen on; 0 selects a free one.
        clock: Returns Unix seconds, for the dates of messages.

    Example:
        async with TelegramSimulator() as simulator:
            ann = simulator.user("Ann")
            hello = await simulator.say(ann, simulator.direct_chat(ann), "hello")
            await simulator.edit(hello, "hello there")
    """

    def __init__(
        self,
        *,
        token: str = "7000000001:simulated",
        bot_name: str = "SimulatedBot",
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Build the world and the server; nothing listens before `start`."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise ValueError(
                "a token is the bot's id, a colon, and letters, digits, '_' or '-': "
                "'7000000001:simulated'"
            )

        self.token = token
        bot = SimulatedUser(int(found[1]), bot_name, username=_bot_username(bot_name), is_bot=True)
        world, updates, files = World(bot, clock=clock), UpdateQueue(), FileStore()
        self._webhook = Webhook(updates)
        account, sending, inline = Account(world, files), Sending(world, updates), Inline(world)
        media = Media(world, files, sending)
        super().__init__(world, updates, files, media, account)
        self._inline = inline

        parts = (
            account,
            self._webhook,
            sending,
            media,
            Copying(world, sending, media.albums),
            Others(world, sending),
            inline,
        )

        methods = {name: method for part in parts for name, method in part.methods().items()}
        self._server = Server(token, methods, updates, files)
        self._server.port = port

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Start to listen. RuntimeError if it is running."""
        await self._server.start()
        self._webhook.resume()

    async def stop(self) -> None:
        """Close all connections within about a second. Does nothing if it is not running."""
        await self._webhook.pause()
        await self._server.stop()

    @property
    def bot(self) -> SimulatedUser:
        """The account of the bot: its id, name and username."""
        return self._world.bot

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls so far, oldest first: method as spelled by the client, parameters as sent.

        In forms all values are text, and objects are JSON text. An upload is shown by its name.
        """
        return self._server.calls

    def environment(self) -> dict[str, str]:
        """Return the variables for a bot, described in the package's docstring.

        Raises:
            RuntimeError: The simulator has not been started.
        """
        if not self._server.is_running:
            raise RuntimeError(
                "the simulator has no address before it is started: await simulator.start()"
            )

        base = f"http://127.0.0.1:{self._server.port}"
        return {
            "TELEGRAM_TOKEN": self.token,
            "TELEGRAM_BASE_URL": f"{base}/bot",
            "TELEGRAM_BASE_FILE_URL": f"{base}/file/bot",
        }

    async def connected(self, timeout: float = 10) -> None:  # noqa: ASYNC109  a figure of seconds reads best
        """Wait until a client polls or has set a webhook. Updates reach it from now on.

        Raises:
            TimeoutError: Neither has happened in `timeout` seconds.
        """
        if not await self._updates.wanted(seconds=timeout):
            calls = ", ".join(dict.fromkeys(method for method, _ in self.calls)) or "nothing"
            raise TimeoutError(
                f"no client has called getUpdates or setWebhook in {timeout} s; seen so far: "
                f"{calls}"
            )

    def fail_next(
        self,
        method: str,
        *,
        error_code: int,
        description: str = "",
        retry_after: int | None = None,
        after_effect: bool = False,
    ) -> None:
        """Make the next call of a method fail; further failures hit the calls after it.

        Args:
            method: The method's name, in any case.
            error_code: The `error_code`, also used as the HTTP status.
            description: The description; by default the standard phrase of the code.
            retry_after: The seconds to wait that a 429 has.
            after_effect: Let the call take effect and lose only its response. A call that is
                refused anyway gets its own refusal.
        """
        if not 400 <= error_code <= 599:
            raise ValueError(f"{error_code} is no code of an error: 400 to 599 are")

        if not description:
            description = responses.get(error_code, "Unknown Error")
            description += "" if retry_after is None else f": retry after {retry_after}"

        parameters = None if retry_after is None else {"retry_after": retry_after}
        self._server.fail_next(
            method, PlannedFailure(Refusal(error_code, description, parameters), after_effect)
        )

    def cut_next(self, method: str, *, after_effect: bool = False) -> None:
        """Close the connection on the next call of a method instead of responding."""
        self._server.fail_next(method, PlannedFailure(None, after_effect))

    def hold_next(self, method: str) -> asyncio.Event:
        """Delay the response to the next call of a method until the returned event is set."""
        return self._server.hold_next(method)


def _bot_username(name: str) -> str:
    plain = re.sub(r"[^a-zA-Z0-9_]", "", name) or "Simulated"
    return plain if plain.lower().endswith("bot") else f"{plain}_bot"
