"""session_plugin for linechat: `install(bot, hub)`, and the handler finds `message.extras["session"]`."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace

from linechat import LineBot, Message

from session_plugin import Account, Chat, MessageEvent, Notice, SessionHub, SessionView
from session_plugin.commands import Asked, Command, answer, check_names, notice_text

CHANNEL = "linechat"
logger = logging.getLogger("session_plugin.linechat")
answering: ContextVar[SessionView | None] = ContextVar("session_plugin_linechat_answering", default=None)


def to_event(message: Message, *, bot_id: str) -> MessageEvent:
    """Translate a message: who spoke, where, and what."""
    return MessageEvent(
        chat=Chat(CHANNEL, message.room, message.kind, bot_id=bot_id),
        message_id=message.id,
        role="assistant" if message.is_from_bot else "user",
        text=message.text,
        sent_at=message.sent_at,
        author=None if message.is_from_bot or message.sender is None else Account(CHANNEL, message.sender),
        author_name=message.name,
        reply_to=message.reply_to,
        edited_at=message.edited_at,
    )


def install(bot: LineBot, hub: SessionHub, *, commands: Mapping[str, str] | None = {}) -> None:
    """Attach a hub to a bot, before it is started."""
    if any(isinstance(extension, Adapter) for extension in bot.extensions):
        raise ValueError("this bot has a hub already")
    bot.extensions.append(Adapter(bot, hub, check_names(commands)))


class Adapter:
    """One bot's attachment to a hub."""

    def __init__(self, bot: LineBot, hub: SessionHub, names: Mapping[Command, str]) -> None:
        self.bot, self.hub, self.send = bot, hub, bot.send
        self.commands = {f"/{name}": command for command, name in names.items()}
        self.spell = lambda command: f"/{names.get(command, command)}"
        bot.send = self.send_and_record  # type: ignore[method-assign]  # all that the bot says passes here

    async def start(self) -> None:
        """Open the hub; what is wrong with its database keeps the bot from starting."""
        self.lease = self.hub.attach(CHANNEL, self.bot.id, self.deliver)
        await self.lease.open()

    async def stop(self) -> None:
        """Release the hub; the last bot on it closes it."""
        await self.lease.release()

    async def see(self, message: Message) -> bool:
        """Take a message in before the author's handler sees it; our own commands end here."""
        event = to_event(message, bot_id=self.bot.id)
        view = message.extras["session"] = self.hub.session_of(event.chat, event.author, event=event)
        answering.set(view)
        try:
            word, *rest = message.text.split(maxsplit=1) or [""]
            if (is_command := word in self.commands and event.author is not None) and message.edited_at is None:
                asked = Asked(chat=event.chat, account=event.author, name=message.name, spell=self.spell)
                reply = await answer(self.hub, self.commands[word], " ".join(rest), asked)
                for text in (reply.text, *(document.content.decode() for document in reply.documents)):  # no files here
                    await self.send(message.room, text)
                return False  # neither it nor the answer is recorded
            if message.edited_at is not None:
                await self.hub.edit(event, is_command=is_command)
            else:
                message.extras["session"] = (await self.hub.record(event)).session
        except Exception:
            logger.exception("a message could not be recorded; it is handled all the same")
        return True

    async def send_and_record(self, room: str, text: str, *, reply_to: str | None = None) -> Message:
        """Send as ever; record what the server says was sent, as an answer to whom this handler answers."""
        sent = await self.send(room, text, reply_to=reply_to)
        try:
            event, view = to_event(sent, bot_id=self.bot.id), answering.get()
            answers = view.account if view is not None and view.chat == event.chat else None
            await self.hub.record(replace(event, answers=answers))
        except Exception:
            logger.exception("a message of the bot's could not be recorded")
        return sent

    async def deliver(self, chat: Chat, notice: Notice) -> None:
        """Tell a person about their links."""
        await self.send(chat.chat_id, notice_text(notice, spell=self.spell))
