"""Which conversation a message belongs to, and who can read it.

- A direct chat belongs to the person: one scope over all their direct chats with the bot, on all
  channels.
- A group belongs to the group: one scope for each of its threads.

Every path that reads or writes gets its scope from `scope_of`, so one scope never shows another.
A bot's author can subdivide a scope by name, and can show people their own messages in groups in
their direct chats. Nothing joins two scopes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """A person's direct chats (`user_id`), or a thread of a group (`chat_no` and `thread_id`).

    `name` is the name of the subdivision, empty for the unnamed one. With `sees_groups`, a reader
    also sees this person's own messages in groups and the bot's answers to them, and no others.
    """

    bot: str
    user_id: str | None = None
    chat_no: int | None = None
    thread_id: str = ""
    name: str = ""
    sees_groups: bool = False


def scope_of(
    bot: str,
    *,
    kind: str,
    chat_no: int,
    thread_id: str,
    peer_user_id: str | None,
    name: str = "",
    direct_sees_groups: bool = False,
) -> Scope | None:
    """Return the scope to which a chat belongs; None for a direct chat whose user is unknown."""
    if kind == "group":
        return Scope(bot, chat_no=chat_no, thread_id=thread_id, name=name)

    if peer_user_id is None:
        return None

    return Scope(bot, user_id=peer_user_id, name=name, sees_groups=direct_sees_groups)
