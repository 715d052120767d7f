"""The simulator as its users see it: people who talk, a bot that answers, and troubles on demand.

Knows how it starts and ends, and how one waits for the bot. Must not know JSON, opcodes or routes.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from .door import Call
from .people import People
from .troubles import Troubles
from .usage import Usage
from .world import SimulatedChat, SimulatedMessage, SimulatedUser


class DiscordSimulator(People, Usage, Troubles):
    """Run a Discord on 127.0.0.1 with one bot account, to which an unmodified client connects.

    What happens while no client is connected stands in the chats and in the history, but no event
    tells of it later, unless a session is cut off and resumed: as on Discord.

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
        """Close every connection within about a second; the world stays, and `start` may follow on
        another port.
        """
        await self._server.stop()

    @property
    def token(self) -> str:
        """The bot's token."""
        return self._door.token

    @property
    def calls(self) -> list[Call]:
        """Every REST request so far as (method, path, JSON body), oldest first; clear it as you
        like.
        """
        return self._door.calls

    @property
    def bot(self) -> SimulatedUser:
        """The account of the bot under test, for instance for its id in a mention."""
        return self._world.bot

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a bot in another process here.

        A discord.py client follows them by `discord.http.Route.BASE` and, as a yarl.URL,
        `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY`, both set before login.
        """
        address = self._server.address
        return {
            "DISCORD_TOKEN": self.token,
            "DISCORD_API_BASE": f"http://{address}/api/v10",
            "DISCORD_GATEWAY_URL": self._server.gateway_url,
        }

    async def connected(self, timeout: float = 10, *, shards: int | None = None) -> None:  # noqa: ASYNC109 - as elsewhere
        """Return once clients are connected that will be told of everything said from now on.

        They are on all shards that are recommended, or on so many.
        """
        wanted = self._shards if shards is None else shards
        try:
            await self._bell.wait_for(
                lambda: self._gateway.shards_listened_to >= wanted or None, seconds=timeout
            )
        except TimeoutError:
            raise TimeoutError(
                f"no client has identified itself at the gateway within {timeout} s"
            ) from None

    def messages(self, chat: SimulatedChat) -> list[SimulatedMessage]:
        """Return what stands in the chat now, oldest first."""
        return list(chat.standing.values())

    async def answer(
        self,
        chat: SimulatedChat,
        after: SimulatedMessage | None = None,
        timeout: float = 5,  # noqa: ASYNC109 - the same verb on every platform
    ) -> SimulatedMessage:
        """Wait for the bot's first message in the chat that is younger than `after` (None: the
        first of all).
        """
        start = after.id if after else 0

        def find() -> SimulatedMessage | None:
            return next(
                (one for one in chat.standing.values() if one.is_from_bot and one.id > start), None
            )

        try:
            return await self._bell.wait_for(find, seconds=timeout)
        except TimeoutError:
            stands = [
                f"{self._world.account_of(one).name}: {one.text!r}"
                for one in chat.standing.values()
            ]
            raise TimeoutError(
                f"the bot did not answer in {chat} within {timeout} s; there stands: "
                f"{'; '.join(stands) or 'nothing'}"
            ) from None

    async def quiet(self, chat: SimulatedChat, seconds: float = 0.3) -> list[SimulatedMessage]:
        """Wait, and return what the bot wrote in the chat meanwhile; an empty list means that it
        kept quiet.
        """
        before = set(chat.standing)
        await asyncio.sleep(seconds)
        return [one for one in chat.standing.values() if one.is_from_bot and one.id not in before]
