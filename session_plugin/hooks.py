"""The hook specifications: what a plugin may be told, and what it may be asked.

Implement any of these with `@session_plugin.hookimpl`, as `def` or `async def`, taking those of the
arguments that you want. Everything here is called outside any transaction. A plugin that raises is
logged under its name and everything else goes on; an `async def` has 5 seconds (a summariser more),
a `def` runs on the event loop and should take none.

Events are told after the COMMIT, one after another for each chat. Questions go to the plugins in
turn until one answers something other than None. The filter runs through all plugins before
anything is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from session_plugin.model import (
    Account,
    Chat,
    IdentityEvent,
    MessageEvent,
    Session,
    SessionIdentity,
    SessionMessage,
    Summary,
)

PROJECT = "session_plugin"
"""pluggy's project name, and the entry-point group in which packages offer plugins."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Mark a method as the implementation of the hook of its name.

Example:
    class Shout:
        @hookimpl
        def session_filter_message(self, event):
            return replace(event, text=event.text.upper())

    hub.register(Shout())
"""


@hookspec
def session_on_message(event: MessageEvent, session: Session) -> None:
    """A message that was not known before is stored. `event` is as the filters left it; duplicates
    are not told.
    """


@hookspec
def session_on_edit(event: MessageEvent, session: Session) -> None:
    """A stored message has other words now."""


@hookspec
def session_on_delete(chat: Chat, message_ids: Sequence[str], session: Session) -> None:
    """Messages of one chat are gone from the session."""


@hookspec
def session_on_identity(event: IdentityEvent, identity: SessionIdentity) -> None:
    """An account was seen for the first time, renamed, linked or unlinked; `identity` is its user
    from now on.

    Or it was forgotten: then `identity` has the id it went by and nothing else, and what you keep
    of it is to go, too. That is told after all that was said before, in whatever chat. Another
    process tells what it has to when it comes to it.
    """


@hookspec
def session_on_start(session: Session, reason: str) -> None:
    """A session began: `first`, `idle`, `daily` or `new` (how the one before it ended), or
    `unlinked`.

    At most once a session.
    """


@hookspec
def session_on_end(session: Session, reason: str) -> None:
    """A session is over: `idle`, `daily` or `new`. At most once a session; one that is joined into
    another has not ended.
    """


@hookspec
def session_on_consolidate(session: Session, summary: Summary) -> None:
    """A summary stands in front of the session's recent messages now."""


@hookspec(firstresult=True)
def session_resolve_user(account: Account) -> str | None:
    """Tell whose this account is when it is seen for the first time: a user id of your own, or None
    for a new user.
    """


@hookspec(firstresult=True)
def session_resolve_scope(event: MessageEvent) -> str | None:
    """Name the part of its scope that a message belongs to; None leaves it in the part without a
    name.

    A name divides a person's direct chats, or a group's thread, and never joins two: what was said
    in one part is seen in that part only. The bot's answers are asked about, too. A handler reads
    the part of the message that it answers.

    If it raises, takes too long or gives what is no name, nobody knows who may read the message,
    and no other plugin is asked: the message gets a part of its own for good, named `unresolved:`
    and an id, and its handler sees nothing else. Answer None where the part without a name will do.
    """


@hookspec(firstresult=True)
def session_summarize(
    session: Session, messages: Sequence[SessionMessage], previous: str | None
) -> str | None:
    """Sum up `messages`, which follow what `previous` sums up already; None leaves it to the next
    plugin or the digest.

    It has as long as `summary_patience` says. What it gives must be text, shorter than its source,
    and no refusal; it is taken for data, never for instructions. `session_plugin.quoted(messages)`
    gives the messages as quoted data for a prompt.
    """


@hookspec(firstresult=True)
def session_count_tokens(texts: Sequence[str]) -> Sequence[int] | None:
    """Count the tokens of each text as your model does; None leaves it to the next plugin or the
    estimate.
    """


@hookspec
def session_filter_message(event: MessageEvent) -> MessageEvent | None:
    """Give the message as it is to be stored: change text, attachments or metadata
    (`dataclasses.replace`), or answer None to keep nothing of it.

    Called for messages, edits and the bot's own words, each plugin on what the one before it gave.
    If it raises or takes too long the message is stored without content and marked as withheld. It
    must not read the session it filters for.
    """
