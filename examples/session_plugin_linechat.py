"""session_plugin for linechat: handlers find the session in `message.extras["session"]`."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from functools import partial

from linechat import LineBot, Message
from session_plugin import Account, Chat, MessageEvent, Notice, SessionHub
from session_plugin.commands import Asked, Command, answer, check_names, notice_text

CHANNEL = "linechat"
logger = logging.getLogger("session_plugin.linechat")
answering: ContextVar[MessageEvent | None] = ContextVar("linechat_answering", default=None)


def to_event(message: Message, *, bot_id: str) -> MessageEvent:
    """Translate a message. Only a person with an account is its author."""
    return MessageEvent(
        chat=Chat(CHANNEL, message.room, message.kind, bot_id=bot_id),
        message_id=message.id,
        role="assistant" if message.is_from_bot else "user",
        text=message.text,
        sent_at=message.sent_at,
        author=Account(CHANNEL, message.sender) if message.sender else None,
        author_name=message.name,
        reply_to=message.reply_to,
        edited_at=message.edited_at,
    )


def install(bot: LineBot, hub: SessionHub, *, commands: Mapping[str, str] | None = {}) -> None:
    """Attach a hub to a bot that has not been started."""
    if any(isinstance(extension, Adapter) for extension in bot.extensions):
        raise ValueError("this bot has a hub already")

    bot.extensions.append(Adapter(bot, hub, check_names(commands)))


class Adapter:
    """Connects one bot with a hub."""

    def __init__(self, bot: LineBot, hub: SessionHub, names: Mapping[Command, str]) -> None:
        self.bot, self.hub, self.send = bot, hub, bot.send
        self.spell = lambda command: f"/{names.get(command, command)}"

        for command, name in names.items():
            bot.commands[name] = partial(self.answer, command)
        bot.send = self.send_and_record  # type: ignore[method-assign]  # all sending passes here

    async def start(self) -> None:
        """Open the hub. An error of its database keeps the bot from starting."""
        self.attachment = self.hub.attach(CHANNEL, self.bot.id, self.deliver)
        await self.attachment.open()

    async def stop(self) -> None:
        """Release the hub. The last bot to stop closes it."""
        await self.attachment.release()

    async def see(self, message: Message) -> None:
        """Record a message before the author's handler gets it."""
        event = to_event(message, bot_id=self.bot.id)
        message.extras["session"] = self.hub.session_of(event.chat, event.author, event=event)
        answering.set(event)

        try:
            if message.edited_at is not None:
                await self.hub.edit(event, is_command=message.command in self.bot.commands)
            else:
                message.extras["session"] = (await self.hub.record(event)).session
        except Exception:
            logger.exception("a message could not be stored; its handler runs all the same")

    async def answer(self, command: Command, message: Message) -> None:
        """Answer a session command. This platform has no files, so documents are sent as text."""
        event = to_event(message, bot_id=self.bot.id)
        asked = Asked(chat=event.chat, account=event.author, name=message.name, spell=self.spell)
        reply = await answer(self.hub, command, message.argument, asked)

        for text in (reply.text, *(document.content.decode() for document in reply.documents)):
            await self.send(message.room, text)

    async def send_and_record(self, room: str, text: str, reply_to: str | None = None) -> Message:
        """Send a message, and record what the server returns as the running handler's answer."""
        sent = await self.send(room, text, reply_to)

        try:
            event = to_event(sent, bot_id=self.bot.id)
            asked = answering.get()
            answers = asked.author if asked and asked.chat == event.chat else None
            await self.hub.record(replace(event, answers=answers))
        except Exception:
            logger.exception("a message of the bot could not be stored")

        return sent

    async def deliver(self, chat: Chat, notice: Notice) -> None:
        """Notify a person about their links."""
        await self.send(chat.chat_id, notice_text(notice, spell=self.spell))
