"""The hook specifications: the events a plugin receives, and the questions it can answer.

Implement any of these functions with `@session_plugin.hookimpl`, as `def` or `async def`. Declare
only the arguments that you need.

- Events (`session_on_...`) are called after the COMMIT, in order for each chat. They can ask for
  the `hub`, and those about messages for a `view`: the `SessionView` of that message's chat, which
  reads the history as a handler does.
- Questions go to one plugin after another until one returns something other than None.
- The filter runs through all plugins before anything is stored.

No hook runs inside a transaction. A plugin that raises is logged under its name, and everything
else continues. An `async def` has 5 seconds, `session_embed` 30, a summariser `summary_patience`. A
`def` runs on the event loop and blocks it, so it should return at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from session_plugin.parts import Attachment

PROJECT = "session_plugin"
"""pluggy's project name, and the entry-point group in which packages offer plugins."""

Hub = Any
View = Any
"""`SessionHub` and `SessionView`, which stand above this module; annotate your hooks with them."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Mark a method as the implementation of the hook of the same name.

Example:
    class Shout:
        @hookimpl
        def session_filter_message(self, event):
            return replace(event, text=event.text.upper())

    hub.register(Shout())
"""


@hookspec
def session_on_message(event: MessageEvent, session: Session, view: View, hub: Hub) -> None:
    """Called when a message was stored for the first time; not called for duplicates.

    `event` is the message as the filters returned it. `view.history(before=event)` is what was said
    before it, and `view.add` stores what you say.
    """


@hookspec
def session_on_edit(event: MessageEvent, session: Session, view: View, hub: Hub) -> None:
    """Called when a stored message was changed by an edit."""


@hookspec
def session_on_delete(
    chat: Chat, message_ids: Sequence[str], session: Session, view: View, hub: Hub
) -> None:
    """Called when messages of one chat were removed from the session."""


@hookspec
def session_on_identity(event: IdentityEvent, identity: SessionIdentity, hub: Hub) -> None:
    """Called when an account was first seen, renamed, linked, unlinked, moved to another id, or
    forgotten.

    `identity` is the account's user from now on.

    For a forgotten account, `identity` has the former user id and nothing else: delete anything
    you stored about this account. Called after every event queued earlier, in whatever chat, in
    this process; another process may still have events of its own to deliver.
    """


@hookspec
def session_on_start(session: Session, reason: str, hub: Hub) -> None:
    """Called when a session began, at most once for each session.

    `reason` is `first`, `unlinked`, or how the session before it ended: `idle`, `daily`, `new`.
    """


@hookspec
def session_on_end(session: Session, reason: str, hub: Hub) -> None:
    """Called when a session ended, at most once for each session.

    `reason` is `idle`, `daily` or `new`. Not called for a session that is joined into another one
    by a link.
    """


@hookspec
def session_on_consolidate(session: Session, summary: Summary, hub: Hub) -> None:
    """Called when a summary replaced older messages of a session in what a model is given."""


@hookspec(firstresult=True)
def session_resolve_user(account: Account) -> str | None:
    """Return the user id of a new account, in your own naming; None creates a new user."""


@hookspec(firstresult=True)
def session_resolve_scope(event: MessageEvent) -> str | None:
    """Return a name that subdivides the scope of a message; None leaves the scope unnamed.

    A name divides a person's direct chats, or a group's thread; it never joins two. Messages
    stored under a name are visible under that name only. The hook is also called for the bot's
    own messages. A handler reads under the name of the message that it answers.

    Where there is no message (a session command such as /new, a button, `hub.session_of`), the
    hook is called with an empty one of the account in that chat; its `message_id` is None.

    If the hook raises, takes too long or returns no valid name, it is unknown who may read the
    message. No other plugin is asked then, the message is stored under a name of its own
    (`unresolved:` and an id), and its handler sees nothing else. Return None where the unnamed
    scope will do.
    """


@hookspec(firstresult=True)
def session_summarize(
    session: Session, messages: Sequence[SessionMessage], previous: str | None
) -> str | None:
    """Return a summary of `previous` and the `messages` after it; None asks the next plugin.

    If every plugin returns None, the built-in digest is used. The time limit is
    `summary_patience`. The summary must be text, no longer than its source, and not a refusal. It
    is treated as data, never as instructions. `session_plugin.quoted(messages)` returns the
    messages as quoted data for a prompt.
    """


@hookspec(firstresult=True)
def session_count_tokens(texts: Sequence[str]) -> Sequence[int] | None:
    """Return the number of tokens of each text for your model; None asks the next plugin.

    If every plugin returns None, the numbers are estimated.
    """


@hookspec(firstresult=True)
def session_fetch(attachment: Attachment, message: SessionMessage) -> bytes | str | None:
    """Return a file that a model is to be given: its bytes, or a link that the model's provider
    can read; None asks the next plugin, and at last the adapter of the bot that received it.

    Called by `SessionView.fetch_media`, for files of messages in that view's own context. The time
    limit is 5 seconds. A link must hold no secret, such as a bot's token. If the hook raises, takes
    too long or returns something else, the next one is asked.
    """


@hookspec(firstresult=True)
def session_transcribe(attachment: Attachment, message: SessionMessage) -> str | None:
    """Return the words of a recording; None asks the next plugin.

    Called in the background once a message with sound is stored: kinds `voice`, `audio`, `video`
    and `videonote`, and content types of audio and video. The time limit is 60 seconds. The words
    pass the filters as the text of an empty message. Then they are stored with the attachment, as
    its `transcript`, announced as an edit, and quoted, summarised and forgotten with the message.
    An edit keeps them as long as the attachment is the same; a message that was deleted meanwhile
    stays deleted. What was not transcribed when the bot stopped stays without words.
    """


@hookspec(firstresult=True)
def session_embed(texts: Sequence[str]) -> Sequence[Sequence[float]] | None:
    """Return a vector for each text, all of the same length; None asks the next plugin.

    With this hook, search also finds messages whose meaning is close. It is called in the
    background with what was stored, up to 64 texts at once, and with what people search for. The
    time limit is 30 seconds. The vectors are stored with the messages under the plugin's name, and
    are removed when a message is edited or goes. Needs numpy:
    `pip install 'session-plugin[semantic]'`.
    """


@hookspec
def session_filter_message(event: MessageEvent) -> MessageEvent | None:
    """Return the message as it is to be stored; None stores nothing.

    Use `dataclasses.replace` to change text, attachments, parts or metadata; no other field may
    change. To keep something out of what is stored, look at all of them:
    - `text`: the words. Text parts follow it, so they need no change of their own, and one that is
      made to them alone does not count.
    - `parts`: arguments of calls, results of tools, reasoning. `session_plugin.map_texts` applies a
      function to every text in them.
    - `attachments`: names of files and transcripts.
    - `metadata`: what is quoted, names, polls, and whatever else the adapter notes there.

    Called for messages, edits and the bot's own messages. Each plugin receives what the one
    before it returned. If a filter raises or takes too long, the message is stored without its
    content and marked as withheld. One that took too long rests for a minute; what it did not see
    meanwhile is withheld and filtered afterwards. A filter must not read the session that it
    filters for.
    """
