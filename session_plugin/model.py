"""The data types of session_plugin: accounts, chats, messages, sessions, summaries, links.

Knows no database, no hook, no platform.

Ids are text, compared byte by byte: never trimmed, never cast, and never a name. A constructor
raises ValueError for an id that
- is empty,
- contains NUL or a lone surrogate, which the databases cannot store unchanged, or
- is longer than 512 bytes, because an index entry has to hold four ids.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from session_plugin.checks import (
    are_plain,
    check_count,
    check_id,
    check_mapping,
    check_storable,
    check_text,
    check_time,
)
from session_plugin.parts import Attachment, Part
from session_plugin.parts.bounds import checked
from session_plugin.parts.texts import with_words

Role = Literal["user", "assistant", "system", "developer", "tool"]
ChatKind = Literal["direct", "group"]
StartReason = Literal["first", "idle", "daily", "new", "unlinked", "imported"]
EndReason = Literal["idle", "daily", "new", "linked", "imported"]
IdentityChange = Literal["seen", "renamed", "linked", "unlinked", "moved", "forgotten"]
NoticeKind = Literal["link_redeemed", "link_cancelled", "linked", "unlinked", "left"]

KINDS: frozenset[str] = frozenset(get_args(ChatKind))
ROLES: frozenset[str] = frozenset(get_args(Role))
INSTRUCTION_ROLES: frozenset[str] = frozenset({"system", "developer"})
"""The roles by which the bot's author instructs a model; what they say is not conversation."""
STORE_CHANNEL = ""
"""The channel of users whose id the caller of SessionStore chooses."""


def check_role(role: str) -> None:
    """Raise ValueError if `role` is not one of `ROLES`."""
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}: use one of {', '.join(sorted(ROLES))}")


def _check_account(what: str, value: object) -> None:
    if not isinstance(value, Account):
        raise TypeError(f"{what} must be an Account, not {type(value).__name__}: {value!r}")


@dataclass(frozen=True, slots=True)
class Account:
    """An account on a platform. Two accounts are equal if both fields are.

    Args:
        channel: The platform: `"discord"`, `"telegram"`, `"slack:T012"`. Empty only for users
            that SessionStore creates.
        channel_user_id: The platform's id of the account, as text.

    Example:
        ann = Account("discord", "1001")
        assert ann != Account("telegram", "1001")
    """

    channel: str
    channel_user_id: str

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for a bad id."""
        if self.channel_user_id and are_plain(self.channel, self.channel_user_id):
            return

        check_storable("channel", self.channel)
        check_id("channel_user_id", self.channel_user_id)


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat on a platform, as one account of the bot sees it.

    What Discord calls a channel is a chat here. `thread_id` is a topic inside the chat, as
    Telegram has them. `title` is for display only and is ignored in comparisons.

    Example:
        direct = Chat("telegram", "2002", bot_id="7000000001")
        topic = Chat("telegram", "-1005", "group", bot_id="7000000001", thread_id="12")
    """

    channel: str
    chat_id: str
    kind: ChatKind = "direct"
    bot_id: str = field(default="", kw_only=True)
    thread_id: str = field(default="", kw_only=True)
    title: str = field(default="", kw_only=True, compare=False)

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for a bad id or kind."""
        is_known = self.chat_id and self.kind in KINDS
        if is_known and are_plain(self.channel, self.chat_id, self.bot_id, self.thread_id):
            return

        check_storable("channel", self.channel)
        check_id("chat_id", self.chat_id)
        check_storable("bot_id", self.bot_id)
        check_storable("thread_id", self.thread_id)

        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of chat {self.kind!r}: use direct or group")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """A message as an adapter passes it to `SessionHub.record`.

    Args:
        chat: Where it was sent.
        message_id: The platform's id, unique in the chat. None for a message that no platform
            delivered; such a message never counts as a duplicate.
        role: The speaker's role, in the terms of language models.
        text: Any Unicode text; empty for a message that has attachments only.
        sent_at: Seconds since 1970 by the platform's clock. For display; it decides no order.
        author: The account that sent it. None for the bot itself, webhooks, other bots,
            anonymous administrators and channel posts: they belong to no user.
        author_name: The author's name, for display.
        answers: For a message of the bot: the account that it answers; None if unknown.
        reply_to: `message_id` of the message that this one replies to.
        attachments: Descriptions of the files sent with it.
        metadata: Anything else, as values that JSON can represent. Words of another message are
            under `quote`, as `{"text", "message_id", "chat_id", "person"}` (see docs/privacy.md),
            and go the way of that message.
        edited_at: The time of the last edit, by the platform's clock; None if never edited.
        version: Grows with each change of the message where the platform counts; 0 where it does
            not. Of two edits of the same time, the one with the higher version is the later one.
        parts: What a model said or was given beside the words: calls of tools, results, reasoning.
            Text parts say what `text` says: where they said anything else, the first of them says
            it, and the others are gone. For an edit by a platform, none leaves those that are
            stored.
        turn: Names the run of a model that the message is of; None for what people say.
        is_aside: Whether it is no part of the conversation that a model is given, such as a command
            to the bot and the answer to it. It is in the history all the same.

    Example:
        said = MessageEvent(
            chat=dm, message_id="7", role="user", text="Hello!", sent_at=time.time(), author=ann
        )
        await hub.record(said)
        answer = MessageEvent(
            chat=dm, message_id="8", role="assistant", text="Hi!", sent_at=time.time(), answers=ann
        )
        await hub.record(answer)
    """

    chat: Chat
    message_id: str | None
    role: Role
    text: str
    sent_at: float
    author: Account | None = None
    author_name: str = ""
    answers: Account | None = None
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    edited_at: float | None = None
    version: int = 0
    parts: tuple[Part, ...] = ()
    turn: str | None = None
    is_aside: bool = False

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for a bad value; the error names the field."""
        if not isinstance(self.chat, Chat):
            raise TypeError(f"chat must be a Chat, not {type(self.chat).__name__}: {self.chat!r}")

        check_role(self.role)
        if self.author is not None:
            _check_account("author", self.author)
        if self.answers is not None:
            _check_account("answers", self.answers)
        check_text("author_name", self.author_name)

        if self.message_id is not None:
            check_id("message_id", self.message_id)
        if self.reply_to is not None:
            check_id("reply_to", self.reply_to)

        check_text("text", self.text)

        check_time("sent_at", self.sent_at)
        if self.edited_at is not None:
            check_time("edited_at", self.edited_at)

        check_count("version", self.version)
        check_mapping("metadata", self.metadata)

        if self.turn is not None:
            check_id("turn", self.turn)
        if self.parts:
            object.__setattr__(self, "parts", with_words(checked(self.parts), self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEvent:
    """A change in what is known about an account: `change` says which.

    `user_id` is the account's user from now on. `previous_user_id` is the former one, if it
    changed, so that you can update your own tables that refer to user ids. `previous_account` is
    the id under which a moved account was known.

    Example:
        class Follow:
            @hookimpl
            def session_on_identity(self, event, identity):
                if event.previous_user_id is not None:
                    print(f"{event.previous_user_id} is now {event.user_id}")

        hub.register(Follow())
    """

    change: IdentityChange
    account: Account
    user_id: str
    previous_user_id: str | None = None
    display_name: str = ""
    previous_account: Account | None = field(default=None, kw_only=True)


@dataclass(slots=True)
class SessionIdentity:
    """A person: one canonical user id and all linked accounts.

    `channel_ids` maps each channel to an account's id on it. For a person with two accounts on
    one channel it names the older one; `accounts` has both.

    Example:
        await hub.record(event)
        identity = await hub.identity_of(ann)
        print(identity.user_id, identity.display_name, identity.accounts)
    """

    user_id: str
    display_name: str = ""
    channel_ids: dict[str, str] = field(default_factory=dict)
    accounts: tuple[Account, ...] = field(default=(), kw_only=True)
    is_private: bool = field(default=False, kw_only=True)
    """Whether this person turned off storing of their messages."""


@dataclass(slots=True)
class SessionMessage:
    """A stored message. `timestamp` is when it was sent, in seconds since 1970.

    Example:
        await hub.record(event)
        for message in await session.history():
            print(f"{message.author_name or message.role}: {message.content}")
    """

    role: str
    content: str
    channel: str = ""
    timestamp: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)
    message_id: str | None = field(default=None, kw_only=True)
    chat: Chat | None = field(default=None, kw_only=True)
    author_name: str = field(default="", kw_only=True)
    person: Account | None = field(default=None, kw_only=True)
    """The author's account; for a message of the bot, the account it answers, if known."""
    reply_to: str | None = field(default=None, kw_only=True)
    attachments: tuple[Attachment, ...] = field(default=(), kw_only=True)
    edited_at: float | None = field(default=None, kw_only=True)
    is_withheld: bool = field(default=False, kw_only=True)
    """Whether a filter failed on it, so that its content was not stored."""
    seq: int = field(default=0, kw_only=True)
    """Its position in its session; comparable only within one session."""
    parts: tuple[Part, ...] = field(default=(), kw_only=True)
    """What a model said or was given beside the words: calls of tools, results, reasoning."""
    turn: str | None = field(default=None, kw_only=True)
    """The run of a model that the message is of; None for what people say."""
    is_aside: bool = field(default=False, kw_only=True)
    """Whether a model is not given it: a command to the bot, or the answer to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryPart:
    """A range of messages in one chat that a summary replaces; both ends are included.

    Example:
        recorded = await hub.record(event)
        info = await recorded.session.info()
        if summary := await hub.consolidate(info.session_id):  # None for so short a session
            for part in summary.parts:
                print(part.chat.channel, part.from_seq, part.to_seq)
    """

    chat: Chat
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A summary of a session's older messages, which can still be read.

    `made_by` is the name of the plugin that wrote it, or `digest` for the built-in digest.
    `parts` are the ranges of messages that it replaces.

    Example:
        conversation = await session.for_model()
        if conversation.summary is not None:
            print(conversation.summary.text)
    """

    text: str
    made_at: float
    made_by: str
    parts: tuple[SummaryPart, ...] = ()


@dataclass
class Session:
    """A stretch of conversation in one scope. At most one session of a scope is live.

    `messages` holds the messages that were requested together with the session; it is empty if
    only the session was.

    Example:
        await hub.record(event)
        info = await session.info()
        print(info.session_id, info.start_reason, info.message_count)
    """

    session_id: str = ""
    identity: SessionIdentity | None = None
    messages: list[SessionMessage] = field(default_factory=list)
    created_at: float = 0.0
    last_activity: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)
    bot: str = field(default="", kw_only=True)
    chat: Chat | None = field(default=None, kw_only=True)
    """The group or thread that the session belongs to; None for a person's direct chats."""
    scope_name: str = field(default="", kw_only=True)
    """The name given by a `session_resolve_scope` plugin; empty if there is none."""
    start_reason: str = field(default="first", kw_only=True)
    ended_at: float | None = field(default=None, kw_only=True)
    end_reason: str | None = field(default=None, kw_only=True)
    message_count: int = field(default=0, kw_only=True)
    is_pinned: bool = field(default=False, kw_only=True)
    """Whether it is exempt from retention."""

    @property
    def is_live(self) -> bool:
        """Whether the session has not ended; the next message ends one that is too old."""
        return self.ended_at is None

    def add_message(self, role: str, content: str, *, channel: str = "") -> None:
        """Append a message to this object only; SessionStore.save_message stores one."""
        now = time.time()
        message = SessionMessage(role=role, content=content, channel=channel, timestamp=now)
        self.messages.append(message)
        self.last_activity = now


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCode:
    """A one-time code, to be typed on the other account.

    `code` is not stored anywhere, so show it now. `expires_at` is in seconds since 1970.

    Example:
        code = await hub.request_link(ann)
        print(f"Within ten minutes, type {code.code} on your other account.")
    """

    code: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPreview:
    """A link that both sides have to confirm, as one of them is shown it.

    The asker asked for the code, the redeemer typed it.

    Example:
        code = await hub.request_link(ann, display_name="Ann")
        preview = await hub.redeem_link(bob, code.code)
        print(f"The code is from {preview.asker_name}.")
    """

    asker: Account
    asker_name: str
    redeemer: Account
    redeemer_name: str
    expires_at: float
    side: Literal["asker", "redeemer"] = "asker"
    """Who is shown this."""
    is_shown: bool = False
    """Whether this side was shown who the other is, and how many accounts would be linked."""
    is_confirmed: bool = False
    """Whether this side has said yes."""
    is_other_confirmed: bool = False
    """Whether the other side has said yes."""
    accounts: int = 2
    """How many accounts the person would have; each side may have linked accounts already."""
    sessions: int = 0
    messages: int = 0
    """Messages in the direct chats of both sides, those of the bot included."""
    would_link: str = field(default="", repr=False)
    """Stands for the accounts that would be linked, and is another once one joins or leaves."""

    @property
    def account(self) -> Account:
        """The account that is shown this."""
        return self.asker if self.side == "asker" else self.redeemer

    @property
    def other(self) -> Account:
        """The account on the other side."""
        return self.redeemer if self.side == "asker" else self.asker

    @property
    def other_name(self) -> str:
        """The display name of the account on the other side."""
        return self.redeemer_name if self.side == "asker" else self.asker_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice to a person, for an adapter to deliver on the person's platform.

    Its kinds:
    - `link_redeemed`: the person's code was typed; `preview` shows what confirming would do.
    - `link_cancelled`: the other side of a link cancelled it before both had confirmed.
    - `linked`, `unlinked`: an account was linked to the person, or unlinked.
    - `left`: the notified account itself was unlinked, by another account of the same person.

    `account` is the other account, `account_name` its display name.

    Example:
        async def deliver(chat, notice):
            print(f"to {chat.chat_id}: {notice.kind}, {notice.account_name}")

        lease = hub.attach("linechat", "bot-1", deliver)
    """

    kind: NoticeKind
    account: Account
    account_name: str
    preview: LinkPreview | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What forgetting a person erased, or would erase (`is_dry_run`): counts by kind.

    `audit_details` counts audit entries that remain without naming the person. `is_pending` means
    that the rows are deleted, but their bytes may still be in the database's file: it was
    rewritten only lately, and is rewritten again in `pending_seconds`; or another process is
    reading it. The hub goes on until they are gone.

    With encryption, `keys` counts their keys. Once these are destroyed, nobody can read what they
    sealed, in the file or in copies of it, so the file is rewritten later, at a quiet time.
    `is_pending` means then that the key store cannot be reached: the hub destroys the keys as soon
    as it can.

    Example:
        await hub.record(event)
        receipt = await hub.forget(ann)
        print(f"{receipt.messages} messages erased", receipt.is_pending)
    """

    messages: int = 0
    summaries: int = 0
    sessions: int = 0
    chats: int = 0
    accounts: int = 0
    link_requests: int = 0
    notices: int = 0
    attempts: int = 0
    audit_details: int = 0
    is_pending: bool = False
    is_dry_run: bool = False
    pending_seconds: float = 0.0
    keys: int = 0
