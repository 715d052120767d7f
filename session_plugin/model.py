"""The words of session_plugin as types: who speaks, where, what was said, and in which session.

Imports the standard library only. Knows no database, no hook, no platform.

Every id is text and compared byte by byte: never a name, never trimmed, never cast. An empty id, or
one with a NUL or a lone surrogate in it, is refused with ValueError where it enters, because
neither database could give it back unchanged; and so is one of more than 512 bytes, because an
index takes no more of four.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from session_plugin.checks import check_id, check_mapping, check_storable, check_text, check_time

Role = Literal["user", "assistant", "system", "developer", "tool"]
ChatKind = Literal["direct", "group"]
StartReason = Literal["first", "idle", "daily", "new", "unlinked", "imported"]
EndReason = Literal["idle", "daily", "new", "linked", "imported"]
IdentityChange = Literal["seen", "renamed", "linked", "unlinked", "forgotten"]
NoticeKind = Literal["link_redeemed", "linked", "unlinked", "left"]

KINDS: frozenset[str] = frozenset(get_args(ChatKind))
ROLES: frozenset[str] = frozenset(get_args(Role))
STORE_CHANNEL = ""
"""The channel of those users whom SessionStore's callers name themselves."""


def check_role(role: str) -> None:
    """Refuse a role that no model knows (ValueError)."""
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}: one of {', '.join(sorted(ROLES))}")


def _check_account(what: str, value: object) -> None:
    if value is not None and not isinstance(value, Account):
        raise TypeError(f"{what} is an Account, not {type(value).__name__}: {value!r}")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody on a channel. Two accounts are the same if both texts are; names play no part.

    Args:
        channel: The platform: `"discord"`, `"telegram"`, `"slack:T012"`. Empty only for the users
            of SessionStore.
        channel_user_id: The platform's own id of that somebody, as text.

    Example:
        ann = Account("discord", "1001")
        assert ann != Account("telegram", "1001")
    """

    channel: str
    channel_user_id: str

    def __post_init__(self) -> None:
        """Check both ids."""
        check_storable("channel", self.channel)
        check_id("channel_user_id", self.channel_user_id)


@dataclass(frozen=True, slots=True)
class Chat:
    """A room on a channel, as one bot account sees it; `thread_id` names a topic inside it.

    What a platform calls a channel (Discord) is a chat here. `title` is for people and takes no
    part in comparisons.

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
        """Check the ids and the kind."""
        check_storable("channel", self.channel)
        check_id("chat_id", self.chat_id)
        check_storable("bot_id", self.bot_id)
        check_storable("thread_id", self.thread_id)
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of chat {self.kind!r}: direct or group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What came with a message besides its text: described, never downloaded.

    Links expire on every platform, so `id` is the platform's lasting id of the file.

    Example:
        photo = Attachment(id="AgACAgIAAx0C", kind="photo", size=48_213)
        recorded = await hub.record(replace(event, text="", attachments=(photo,)))
    """

    id: str
    kind: str = "file"
    filename: str = ""
    content_type: str = ""
    size: int | None = None
    """Bytes; None where the platform does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """One utterance as an adapter hands it in.

    Args:
        chat: Where it was said.
        message_id: The platform's id, unique in the chat; None for what no platform delivered,
            which is then never taken for a duplicate.
        role: Who speaks, as a model would see it.
        text: The words, any Unicode at all; empty when there are attachments only.
        sent_at: Seconds since 1970 by the platform's clock. Shown to people; it decides no order.
        author: The account that spoke. None for the bot itself, a webhook, another bot, an
            anonymous administrator, a channel post: they are nobody's user.
        author_name: The name to show beside the words.
        answers: For the bot's own words: the account they answer. None where that is not known.
        reply_to: `message_id` of the message that this one replies to.
        edited_at: When it was last edited, by the platform's clock; None if never.

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

    def __post_init__(self) -> None:
        """Check the ids, the role, the time, and that the rest is of its kind."""
        if not isinstance(self.chat, Chat):
            raise TypeError(f"chat is a Chat, not {type(self.chat).__name__}: {self.chat!r}")
        check_role(self.role)
        _check_account("author", self.author)
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
        check_mapping("metadata", self.metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEvent:
    """What became known about who somebody is.

    `user_id` is the account's user from now on; `previous_user_id` is the one before, where it
    changed, so that authors can move what they keep by user id themselves.

    Example:
        class Follow:
            @hookimpl
            def session_on_identity(self, event, identity):
                if event.previous_user_id is not None:
                    print(f"{event.previous_user_id} is {event.user_id} from now on")

        hub.register(Follow())
    """

    change: IdentityChange
    account: Account
    user_id: str
    previous_user_id: str | None = None
    display_name: str = ""


@dataclass(slots=True)
class SessionIdentity:
    """A canonical user: one id, the accounts that are this person.

    `channel_ids` maps a channel to an account's id on it; where a person has two accounts on one
    channel it names the one known longer, and `accounts` has both.

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
    """This person asked that nothing they say be kept."""


@dataclass(slots=True)
class SessionMessage:
    """One message as it is read back. `timestamp` is when it was sent, in seconds since 1970.

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
    """Who said it; for the bot's words, whom they answer, where that is known."""
    reply_to: str | None = field(default=None, kw_only=True)
    attachments: tuple[Attachment, ...] = field(default=(), kw_only=True)
    edited_at: float | None = field(default=None, kw_only=True)
    is_withheld: bool = field(default=False, kw_only=True)
    """A filter failed on it, so its content was not kept."""
    seq: int = field(default=0, kw_only=True)
    """Its place in the order of its session; comparable only within one session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryPart:
    """A range of one chat's messages, both ends included, that a summary stands for.

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
    """What stands in front of a session's recent messages. The messages it stands for can still be
    read.

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
    """A stretch of conversation in one scope. At most one of a scope is live: the one with no
    `ended_at`.

    `messages` holds what was asked for when the session was read, and nothing where only the
    session itself was.

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
    """The group (thread) whose session this is; None for a person's direct chats."""
    scope_name: str = field(default="", kw_only=True)
    """Which part of its scope this is, where the bot's author keeps parts apart."""
    start_reason: str = field(default="first", kw_only=True)
    ended_at: float | None = field(default=None, kw_only=True)
    end_reason: str | None = field(default=None, kw_only=True)
    message_count: int = field(default=0, kw_only=True)
    is_pinned: bool = field(default=False, kw_only=True)
    """Retention leaves it alone."""

    @property
    def is_live(self) -> bool:
        """Whether what is said next belongs here, unless it has been idle for too long."""
        return self.ended_at is None

    def add_message(self, role: str, content: str, *, channel: str = "") -> None:
        """Append a message to this object only; SessionStore.save_message is what stores one."""
        now = time.time()
        self.messages.append(
            SessionMessage(role=role, content=content, channel=channel, timestamp=now)
        )
        self.last_activity = now


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCode:
    """A one-time code to be typed on the other account.

    `code` is shown once and kept nowhere; `expires_at` is in seconds since 1970.

    Example:
        code = await hub.request_link(ann)
        print(f"Within ten minutes, type {code.code} on your other account.")
    """

    code: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPreview:
    """Two accounts about to become one person: who asked, and who typed the code.

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
    is_shown: bool = False
    """Whether the asker has been shown who the redeemer is, and how many accounts come together."""
    accounts: int = 2
    """How many accounts would be this one person: each side may be linked with others already."""
    sessions: int = 0
    messages: int = 0
    """How much both sides have said and been told in direct chats, which would be one history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person must be told on their own platform, for an adapter to deliver.

    `link_redeemed`: somebody typed the code that this person asked for, and `preview` says what a
    yes would do; `linked` and `unlinked`: it is done; `left`: the account that is told was itself
    unlinked, by another of the same person. The other account is `account`, by its name there.

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
    """What went when a person was forgotten, or would go: counts by kind.

    Of `audit_details` the entry stays, without whom it was about. `is_pending`: the rows are gone,
    but their bytes may still lie in the database's file, because somebody else is reading it; it is
    tried again until they are gone, too.

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
