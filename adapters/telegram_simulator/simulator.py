"""The simulator as a whole: the stage that people act on, and the server that the bot connects to.

Knows how the parts belong together; what people can do stands in `stage`, what the bot can do in
`account`, `sending` and `media`.
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
from .files import FileShelf
from .inline import Inline, InlineStage
from .media import Media
from .others import Others
from .sending import Sending
from .server import PlannedFailure, Server
from .updates import UpdateQueue
from .webhook import Webhook
from .world import SimulatedUser, World

_TOKEN = re.compile(r"([1-9][0-9]*):[\w-]+", re.ASCII)


class TelegramSimulator(InlineStage):
    """Run a Bot API server on 127.0.0.1 for one bot, and let people talk to that bot.

    Use it as an asynchronous context manager, or call `start` and `stop`. A stopped simulator can
    be started again, as after an outage: at the same address, in the same world, with the updates
    that still wait. Everything happens in the event loop that started it.

    Not simulated: group privacy (the bot sees all messages), members' joining and leaving,
    reactions, votes in polls, payments, channels' direct messages, limits on the rate of calls (see
    `fail_next`), and each method that a 404 says is not simulated.

    Args:
        token: The token that is accepted: the bot's id, a colon, and letters, digits, `_` or `-`.
        bot_name: The bot's name; its username is made from it and ends with "bot", as Telegram
            wants.
        port: The port to listen on; 0 takes a free one.
        clock: What time it is, in Unix seconds, for the dates of messages.

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
        world, updates, files = World(bot, clock=clock), UpdateQueue(), FileShelf()
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
        """Listen for the bot. RuntimeError if it listens already."""
        await self._server.start()
        self._webhook.resume()

    async def stop(self) -> None:
        """Close every connection, ending a long poll; return within about a second. Stopping twice
        does nothing.
        """
        await self._webhook.pause()
        await self._server.stop()

    @property
    def bot(self) -> SimulatedUser:
        """The bot: its id, name and username."""
        return self._world.bot

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls seen so far: methods as they were spelled, parameters as they were sent.

        In forms all values are text, nested objects JSON text; an uploaded file is shown as its
        name.
        """
        return self._server.calls

    def environment(self) -> dict[str, str]:
        """Return the variables by which a bot in another process finds the simulator; RuntimeError
        before `start`.

        A client appends the token to both addresses.
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
        """Wait until a client polls or has set a webhook; what is said from now on reaches it, by
        its `allowed_updates`.

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
        """Answer the next call of a method with an error. Called again, it plans the failure of the
        call after that.

        Args:
            method: A method's name, in any case.
            error_code: The `error_code`, which is the HTTP status as well.
            description: What the answer says; by default the standard phrase of the code.
            retry_after: The seconds that a 429 asks the bot to wait.
            after_effect: Let the call take effect first, so that only its answer is lost. A call
                that is refused anyway is answered with its own refusal.
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
        """Close the connection on the next call of a method, instead of answering it; see
        `fail_next`.
        """
        self._server.fail_next(method, PlannedFailure(None, after_effect))

    def hold_next(self, method: str) -> asyncio.Event:
        """Let the next call of a method take effect, and be answered only when the returned event
        is set.
        """
        return self._server.hold_next(method)


def _bot_username(name: str) -> str:
    plain = re.sub(r"[^a-zA-Z0-9_]", "", name) or "Simulated"
    return plain if plain.lower().endswith("bot") else f"{plain}_bot"
