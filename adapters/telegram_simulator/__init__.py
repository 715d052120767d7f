"""A Telegram for bots that are tried offline: a local Bot API server, and the people who talk to
the bot.

The real client library connects to it over a socket, unmodified; only its two base addresses are
changed:

    async with TelegramSimulator() as simulator:
        app = (
            ApplicationBuilder()
            .token(simulator.token)
            .base_url(simulator.environment()["TELEGRAM_BASE_URL"])
            .base_file_url(simulator.environment()["TELEGRAM_BASE_FILE_URL"])
            .build()
        )
        ...                                          # add handlers, start polling
        await simulator.connected()
        ann = simulator.user("Ann")
        chat = simulator.direct_chat(ann)
        hello = await simulator.say(ann, chat, "hello")
        answer = await simulator.answer(chat, after=hello)

It knows what the Bot API documents. It must not know the adapter beside it, nor the package that
the adapter serves.
"""

from .simulator import TelegramSimulator
from .world import SimulatedBusiness, SimulatedChat, SimulatedMessage, SimulatedUser

__all__ = [
    "SimulatedBusiness",
    "SimulatedChat",
    "SimulatedMessage",
    "SimulatedUser",
    "TelegramSimulator",
]
