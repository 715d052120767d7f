"""A Discord on this machine: whole bots run against it offline, with the real client library and
over real sockets.

    simulator = DiscordSimulator()
    async with simulator:
        ...  # start the bot with simulator.environment(), in this process or another
        await simulator.connected()
        ann = simulator.user("Ann")
        chat = simulator.direct_chat(ann)
        question = await simulator.say(ann, chat, "hello")
        print((await simulator.answer(chat, after=question)).text)

It speaks Discord's documented protocol: the REST API (version 10) and the gateway. It must know no
bot, no plugin and no client library; it needs aiohttp alone. Permissions, rate limits other than
those that are asked for, voice, votes and reactions of people are not simulated; a route that is
not there answers 404 and its name.
"""

from .interactions import SimulatedInteraction
from .simulator import DiscordSimulator
from .world import SimulatedChat, SimulatedMessage, SimulatedUser

__all__ = [
    "DiscordSimulator",
    "SimulatedChat",
    "SimulatedInteraction",
    "SimulatedMessage",
    "SimulatedUser",
]
