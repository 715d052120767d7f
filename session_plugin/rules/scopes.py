"""Whose session something belongs to, and so who can read it.

What is said in a direct chat belongs to that person, over all their direct chats with the bot,
whatever the channel. What is said in a group belongs to that group, and there to its thread. Every
path that reads or writes goes through `scope_of`, so nobody sees one from the other. A bot's author
can keep parts of a scope apart by name, and can let people see their own words in groups from their
direct chats; nothing joins two scopes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """A person's direct chats (`user_id`), or one group's thread (`chat_no` and `thread_id`); of
    it, the part called `name`.

    A reader who `sees_groups` is also shown what this person said in groups and was answered there,
    and nothing of others.
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
    """Decide what a chat's words belong to, and what is seen from it; None for a direct chat of
    nobody knows whom.
    """
    if kind == "group":
        return Scope(bot, chat_no=chat_no, thread_id=thread_id, name=name)
    if peer_user_id is None:
        return None
    return Scope(bot, user_id=peer_user_id, name=name, sees_groups=direct_sees_groups)
