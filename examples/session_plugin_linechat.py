"""session_plugin for linechat: handlers find the session in `message.extras["session"]`."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace

from linechat import LineBot, Message

from session_plugin import Account, Chat, MessageEvent, Notice, SessionHub, SessionView
from session_plugin.commands import Asked, Command, answer, check_names, notice_text

CHANNEL = "linechat"
logger = logging.getLogger("session_plugin.linechat")
answering: ContextVar[SessionView | None] = ContextVar("linechat_answering", default=None)


def to_event(message: Message, *, bot_id: str) -> MessageEvent:
    """Translate a message: who spoke, where, and what."""
    is_nobodys = message.is_from_bot or message.sender is None
    return MessageEvent(
        chat=Chat(CHANNEL, message.room, message.kind, bot_id=bot_id),
        message_id=message.id,
        role="assistant" if message.is_from_bot else "user",
        text=message.text,
        sent_at=message.sent_at,
        author=None if is_nobodys else Account(CHANNEL, str(message.sender)),
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
        bot.send = self.send_and_record  # type: ignore[method-assign]  # all it says passes here

    async def start(self) -> None:
        """Open the hub; what is wrong with its database keeps the bot from starting."""
        self.lease = self.hub.attach(CHANNEL, self.bot.id, self.deliver)
        await self.lease.open()

    async def stop(self) -> None:
        """Release the hub; the last bot on it closes it."""
        await self.lease.release()

    async def see(self, message: Message) -> bool:
        """Store a message before the author's handler sees it; our own commands end here."""
        event = to_event(message, bot_id=self.bot.id)
        view = self.hub.session_of(event.chat, event.author, event=event)
        message.extras["session"] = view
        answering.set(view)
        word, *rest = message.text.split(maxsplit=1) or [""]
        command = None if event.author is None else self.commands.get(word)
        try:
            if message.edited_at is not None:
                await self.hub.edit(event, is_command=command is not None)
            elif command is not None:
                await self.answer(command, " ".join(rest), event)
                return False  # neither it nor the answer is stored
            else:
                message.extras["session"] = (await self.hub.record(event)).session
        except Exception:
            logger.exception("a message could not be stored; it is handled all the same")
        return True

    async def answer(self, command: Command, argument: str, event: MessageEvent) -> None:
        """Answer one of our commands. This platform has no files, so documents are sent as text."""
        assert event.author is not None
        name = event.author_name
        asked = Asked(chat=event.chat, account=event.author, name=name, spell=self.spell)
        reply = await answer(self.hub, command, argument, asked)
        for text in (reply.text, *(one.content.decode() for one in reply.documents)):
            await self.send(event.chat.chat_id, text)

    async def send_and_record(
        self, room: str, text: str, *, reply_to: str | None = None
    ) -> Message:
        """Send as before; store what the server says was sent, as this handler's answer."""
        sent = await self.send(room, text, reply_to=reply_to)
        try:
            event = to_event(sent, bot_id=self.bot.id)
            view = answering.get()
            answers = view.account if view is not None and view.chat == event.chat else None
            await self.hub.record(replace(event, answers=answers))
        except Exception:
            logger.exception("a message of the bot's could not be recorded")
        return sent

    async def deliver(self, chat: Chat, notice: Notice) -> None:
        """Tell a person about their links."""
        await self.send(chat.chat_id, notice_text(notice, spell=self.spell))
