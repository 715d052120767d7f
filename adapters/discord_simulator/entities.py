"""Users, guilds, chats, messages and interactions, as plain data.

Must not know how they come about, the network, or JSON.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
"""A JSON object."""

DEFAULT, JOINED, REPLY, SLASH_ANSWER, MENU_ANSWER = 0, 7, 19, 20, 23
"""Message types: a plain message, a person joined the guild, a reply, responses to commands."""

EPHEMERAL = 1 << 6
"""Message flag: visible to one person only."""

LOADING = 1 << 7
"""Message flag: a deferred response that has no content yet."""

HAS_THREAD = 1 << 5
"""Message flag: a thread was started from this message."""


@dataclass(eq=False)
class SimulatedUser:
    """An account: a person, or a bot other than the one under test.

    Example:
        async with DiscordSimulator() as simulator:
            ann = simulator.user("Ann")
            print(ann.id, ann.name)
    """

    id: int
    name: str
    """The name shown to others (Discord's `global_name`; the username of a bot)."""
    username: str
    """The unique account name, derived from `name`: lower case, without spaces."""
    nick: str | None = None
    """The nickname in every guild of this user."""
    is_bot: bool = False
    discriminator: str = "0"
    """"0" for people, whose usernames are unique; four digits for bots."""


@dataclass(eq=False)
class SimulatedGuild:
    """A server ("guild") with its text channels. The bot is a member with all permissions."""

    id: int
    name: str
    bot_role_id: int
    created_at: float
    has_bot: bool = True
    """Whether the bot is a member and receives the guild's events."""
    allows_external_apps: bool = True
    """Whether members may use apps that they installed themselves (USE_EXTERNAL_APPS). If not, all
    responses of such an app are ephemeral."""
    members: list[SimulatedUser] = field(default_factory=list, repr=False)
    channels: list[SimulatedChat] = field(default_factory=list, repr=False)
    threads: list[SimulatedChat] = field(default_factory=list, repr=False)


@dataclass(eq=False)
class SimulatedChat:
    """A direct chat with the bot, a text channel of a guild, or a thread.

    Example:
        async with DiscordSimulator() as simulator:
            room = simulator.group("friends", simulator.user("Ann"))
            plans = simulator.thread(room, "plans")
    """

    id: int
    kind: Literal["direct", "group", "thread"]
    name: str
    created_at: float
    user: SimulatedUser | None = None
    """The person of a direct chat; None elsewhere."""
    guild: SimulatedGuild | None = field(default=None, repr=False)
    parent: SimulatedChat | None = field(default=None, repr=False)
    """The text channel of a thread; None elsewhere."""
    owner: SimulatedUser | None = field(default=None, repr=False)
    """The account that started a thread; None for the bot."""
    messages: dict[int, SimulatedMessage] = field(default_factory=dict, repr=False)
    """The messages in the chat by id, oldest first, without deleted ones."""

    def __str__(self) -> str:
        """Return a description for error messages."""
        return f"{self.kind} chat {self.name!r} ({self.id})"


@dataclass(frozen=True, eq=False)
class SimulatedAttachment:
    """A file attached to a message."""

    id: int
    filename: str
    content: bytes = field(repr=False)


@dataclass(eq=False)
class SimulatedMessage:
    """A message in its present state. Edits change this object; deletion sets `is_deleted`.

    Example:
        async with DiscordSimulator() as simulator:
            ann = simulator.user("Ann")
            said = await simulator.say(ann, simulator.direct_chat(ann), "hello")
            assert (said.text, said.is_from_bot) == ("hello", False)
    """

    id: int
    chat: SimulatedChat
    author: SimulatedUser | None
    """The person or other bot who wrote it; None for the bot under test and for webhooks."""
    is_from_bot: bool
    """Whether the bot under test wrote it."""
    text: str
    reply_to: SimulatedMessage | None
    sent_at: float
    """Unix seconds, with the milliseconds of the id."""
    edited_at: float | None = None
    is_deleted: bool = False
    kind: int = DEFAULT
    webhook: SimulatedUser | None = None
    """The webhook that wrote it, as a user with the webhook's id and the name shown."""
    attachments: list[SimulatedAttachment] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list, repr=False)
    components: list[Json] = field(default_factory=list, repr=False)
    flags: int = 0
    nonce: str | int | None = None
    tts: bool = False
    thread: SimulatedChat | None = field(default=None, repr=False)
    interaction: SimulatedInteraction | None = field(default=None, repr=False)
    """The interaction that this message responds to."""
    forwarded: SimulatedMessage | None = field(default=None, repr=False)
    """The original of a forwarded message."""
    stickers: list[str] = field(default_factory=list)
    """The names of its stickers."""
    poll: Json | None = field(default=None, repr=False)
    """The poll object, as shown to people."""

    @property
    def is_loading(self) -> bool:
        """Whether it is a deferred response that has no content yet."""
        return bool(self.flags & LOADING)

    @property
    def is_ephemeral(self) -> bool:
        """Whether it is visible to one person only."""
        return bool(self.flags & EPHEMERAL)

    @property
    def edited(self) -> bool:
        """Whether its author changed the text; adding a link preview is not an edit."""
        return self.edited_at is not None


@dataclass(eq=False)
class SimulatedInteraction:
    """A command, button or form that a person used, and the bot's responses.

    Example:
        async def test_the_bot_answers_ping(on_discord):
            ann = on_discord.user("Ann")
            async with on_discord.started(bot):
                used = await on_discord.simulator.slash(ann, on_discord.direct_chat(ann), "ping")
                (answer,) = await on_discord.simulator.answered(used)
                assert answer.text == "pong"
    """

    id: int
    kind: int
    user: SimulatedUser
    chat: SimulatedChat
    data: Json
    created_at: float
    message: SimulatedMessage | None = None
    """The message of the button or menu; None for commands."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    answer_type: int | None = None
    """The type of the first response; None before the bot has responded."""
    is_ephemeral: bool = False
    """Whether the first response is visible to the person only."""
    answers: list[SimulatedMessage] = field(default_factory=list)
    """All responses, oldest first. Empty while the first one is missing."""
    opened_by: SimulatedInteraction | None = field(default=None, repr=False)
    """The interaction whose response was this form; None for others."""
    form: Json | None = field(default=None, repr=False)
    """The form that the bot showed instead of a message."""
    choices: list[Json] = field(default_factory=list, repr=False)
    """What the bot suggested while the person typed."""

    @property
    def original(self) -> SimulatedMessage | None:
        """The first response, or the button's message if the bot changed that instead."""
        return self.answers[0] if self.answers and self.answer_type != 7 else self.message
