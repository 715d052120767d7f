"""A simulated Discord on 127.0.0.1, for running whole bots offline.

The bot's client library connects over real sockets, unmodified:

    async with DiscordSimulator() as simulator:
        ...  # start the bot with simulator.environment(), in this process or another
        await simulator.connected()

        ann = simulator.user("Ann")
        chat = simulator.direct_chat(ann)
        question = await simulator.say(ann, chat, "hello")
        print((await simulator.answer(chat, after=question)).text)

`environment()` returns three variables for the bot:

- DISCORD_TOKEN: the token that is accepted.
- DISCORD_API_BASE: the address of the REST API. In discord.py, set `discord.http.Route.BASE`.
- DISCORD_GATEWAY_URL: the address of the gateway. In discord.py, set
  `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY` to it, as a `yarl.URL`.

The simulator speaks Discord's documented protocol: the REST API (version 10) and the gateway.

- People: `owner`, `user`, `direct_chat`, `group`, `thread`, `say`, `forward`, `edit`, `delete`,
  `delete_bulk`, `unfurl`, `say_as_webhook`, `say_as_bot`, `system_message`, `repeat`.
- Interactions: `slash`, `type_slash`, `menu`, `press`, `submit`, `repeat_use`, `answered`.
- Failures: `fail_next`, `cut`, `reconnect`, `invalidate_session`, `outage`, `recover`, `add_bot`,
  `remove_bot`, `delete_chat`.
- What the bot did: `answer`, `messages`, `quiet`, `calls`.

Not simulated: permissions, rate limits (except those of `fail_next`), voice, votes, and people's
reactions. A route that is not simulated returns 404 with its name.

The package needs aiohttp. It must not know a bot, a plugin or a client library.
"""

from .entities import SimulatedChat, SimulatedInteraction, SimulatedMessage, SimulatedUser
from .simulator import DiscordSimulator

__all__ = [
    "DiscordSimulator",
    "SimulatedChat",
    "SimulatedInteraction",
    "SimulatedMessage",
    "SimulatedUser",
]
