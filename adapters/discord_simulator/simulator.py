"""The simulator as its users see it: start, stop, and waiting for the bot.

Must not know JSON, opcodes or routes.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from .endpoint import Call
from .entities import SimulatedAttachment, SimulatedChat, SimulatedMessage, SimulatedUser
from .people import People
from .troubles import Troubles
from .usage import Usage


class DiscordSimulator(People, Usage, Troubles):
    """Runs a Discord on 127.0.0.1 with one bot account, for an unmodified client library.

    While no client is connected, events are lost unless the session is resumed later, as on
    Discord; messages remain in the chats and in the history.

    Example:
        async with DiscordSimulator() as simulator:
            ann = simulator.user("Ann")
            hello = await simulator.say(ann, simulator.direct_chat(ann), "hello")
            await simulator.edit(hello, "hello there")
    """

    async def __aenter__(self) -> DiscordSimulator:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        await self._server.start()

    async def stop(self) -> None:
        """Close every connection within about a second. `start` may follow, on another port."""
        await self._server.stop()

    @property
    def token(self) -> str:
        """The bot's token."""
        return self._endpoint.token

    @property
    def calls(self) -> list[Call]:
        """Every REST request so far, oldest first: method, path, JSON body. May be cleared."""
        return self._endpoint.calls

    @property
    def bot(self) -> SimulatedUser:
        """The account of the bot under test."""
        return self._world.bot

    @property
    def owner(self) -> SimulatedUser:
        """The person to whom the bot's application belongs."""
        return self._world.owner

    def environment(self) -> dict[str, str]:
        """Return the variables for a bot, described in the package's docstring.

        Raises:
            RuntimeError: The simulator has not been started.
        """
        address = self._server.address
        return {
            "DISCORD_TOKEN": self.token,
            "DISCORD_API_BASE": f"http://{address}/api/v10",
            "DISCORD_GATEWAY_URL": self._server.gateway_url,
        }

    async def connected(self, timeout: float = 10, *, shards: int | None = None) -> None:  # noqa: ASYNC109 - as elsewhere
        """Wait until clients receive events, on all recommended shards or on `shards` of them.

        Raises:
            TimeoutError: No client has identified itself in `timeout` seconds.
        """
        wanted = self._shards if shards is None else shards
        try:
            await self._changes.wait_for(
                lambda: self._gateway.shards_listened_to >= wanted or None, seconds=timeout
            )
        except TimeoutError:
            raise TimeoutError(
                f"no client has identified itself at the gateway within {timeout} s"
            ) from None

    def messages(self, chat: SimulatedChat) -> list[SimulatedMessage]:
        """Return the messages in the chat, oldest first, without deleted ones."""
        return list(chat.messages.values())

    @property
    def downloads(self) -> list[SimulatedAttachment]:
        """The files that were downloaded, oldest first."""
        return list(self._server.downloads)

    async def answer(
        self,
        chat: SimulatedChat,
        after: SimulatedMessage | None = None,
        timeout: float = 5,  # noqa: ASYNC109 - the same verb on every platform
    ) -> SimulatedMessage:
        """Wait for the bot's first message in the chat, or the first one after `after`.

        Raises:
            TimeoutError: None came in `timeout` seconds; the text lists the chat's messages.
        """
        start = after.id if after else 0

        def find() -> SimulatedMessage | None:
            return next(
                (
                    message
                    for message in self.messages(chat)
                    if message.is_from_bot and message.id > start
                ),
                None,
            )

        try:
            return await self._changes.wait_for(find, seconds=timeout)
        except TimeoutError:
            shown = [
                f"{self._world.account_of(message).name}: {message.text!r}"
                for message in self.messages(chat)
            ]
            raise TimeoutError(
                f"the bot did not answer in {chat} within {timeout} s; messages there: "
                f"{'; '.join(shown) or 'none'}"
            ) from None

    async def quiet(self, chat: SimulatedChat, seconds: float = 0.3) -> list[SimulatedMessage]:
        """Wait, and return what the bot wrote in the chat meanwhile."""
        before = set(chat.messages)
        await asyncio.sleep(seconds)
        return [m for m in self.messages(chat) if m.is_from_bot and m.id not in before]
