"""A bot on the linechat platform, in the terminal, with the adapter session_plugin_linechat.py.

    python terminal_bot.py [DATABASE]

Type messages, or /whoami, /new, /link, /unlink. End with Ctrl-D. Started again with the same
database, the bot continues the conversation.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import session_plugin_linechat
from linechat import LineBot, LineServer, Message
from session_plugin import SessionHub


def build(address: str, hub: SessionHub) -> LineBot:
    """Return a bot that repeats what the person wrote before."""
    bot = LineBot(address)
    session_plugin_linechat.install(bot, hub)

    @bot.on_message
    async def on_message(message: Message) -> None:
        session = message.extras["session"]
        history = await session.history(before=session.event)
        earlier = "; ".join(item.content for item in history if item.role == "user")
        await bot.send(message.room, f"Noted. Before that you said: {earlier or 'nothing'}.")

    return bot


async def main() -> None:
    database = sys.argv[1] if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "terminal.db"
    async with LineServer() as server:
        ann = server.user("Ann")
        room = server.direct_chat(ann)
        bot = build(server.environment()["LINECHAT_ADDRESS"], SessionHub(database))
        await bot.start()
        await server.connected()

        while line := await asyncio.to_thread(sys.stdin.readline):
            said = await server.say(ann, room, line.rstrip("\n"))
            answer = await server.answer(room, after=said)
            print(answer.text, flush=True)

        await bot.stop()


if __name__ == "__main__":
    asyncio.run(main())
