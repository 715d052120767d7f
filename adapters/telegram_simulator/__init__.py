"""A simulated Telegram on 127.0.0.1, for running whole bots offline.

The bot's client library connects over real sockets, unmodified:

    async with TelegramSimulator() as simulator:
        addresses = simulator.environment()
        app = (
            ApplicationBuilder()
            .token(simulator.token)
            .base_url(addresses["TELEGRAM_BASE_URL"])
            .base_file_url(addresses["TELEGRAM_BASE_FILE_URL"])
            .build()
        )
        ...  # add handlers, start polling
        await simulator.connected()

        ann = simulator.user("Ann")
        chat = simulator.direct_chat(ann)
        hello = await simulator.say(ann, chat, "hello")
        print((await simulator.answer(chat, after=hello)).text)

`environment()` returns three variables for a bot in another process:

- TELEGRAM_TOKEN: the token that is accepted.
- TELEGRAM_BASE_URL: the address of the Bot API, to which the client appends the token.
- TELEGRAM_BASE_FILE_URL: the address of files, to which the client appends the token.

The simulator implements the documented Bot API: polling and webhooks, messages, edits, albums,
files, topics, channels, business accounts and inline mode.

- Places: `user`, `direct_chat`, `group`, `thread`, `channel`, `link`, `migrate`, `business`,
  `business_chat`.
- People: `say`, `forward`, `say_as_channel`, `post`, `say_by_way_of_the_bot`, `edit`, `delete`,
  `press`, `repeat`.
- Failures: `fail_next`, `cut_next`, `hold_next`.
- What the bot did: `answer`, `messages`, `quiet`, `calls`.

`TelegramSimulator` lists what is not simulated. A method that is not simulated returns 404 with its
name.

The package needs aiohttp. It must not know a bot, a plugin or a client library.
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
