"""Who wrote a message in a file that knows no ids: a name, or whatever else stands for somebody.

Names never decide who somebody is. So such a message has no author until the caller of an import
says which account is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from session_plugin.model import Account, MessageEvent

AUTHOR = "import_author"
"""The key in `MessageEvent.metadata`; it is never stored. The bot's messages have `""` there: in a
direct chat they answer the only one of the people.
"""

People = Mapping[str, Account] | Callable[[str], Account | None]
"""Whose account somebody is who is named in a file."""


def check_people(people: People | None, *, argument: str) -> None:
    """Raise TypeError if what an argument holds is neither a mapping nor a function."""
    if people is not None and not (isinstance(people, Mapping) or callable(people)):
        raise TypeError(
            f"{argument} must be a mapping from those whom the file names to accounts, or a "
            f"function, not {type(people).__name__}"
        )


def with_account(event: MessageEvent, people: People | None) -> MessageEvent:
    """Return a message with the account that its author has by the caller's word.

    Raises:
        LookupError: nobody is named for its author, and the chat is direct.
        TypeError: the caller's word is no Account.
    """
    author = event.metadata.get(AUTHOR)
    if not isinstance(author, str):
        return event

    metadata = {name: value for name, value in event.metadata.items() if name != AUTHOR}
    is_direct = event.chat.kind == "direct"
    if author:
        account = account_of(author, people, argument="people")
        if account is None and is_direct:
            raise LookupError(f"people names no account for the author {author!r}")
        return replace(event, metadata=metadata, author=account)

    answered = None
    if is_direct and isinstance(people, Mapping) and len(set(people.values())) == 1:
        (answered,) = set(people.values())

    return replace(event, metadata=metadata, answers=answered)


def account_of(named: str, people: People | None, *, argument: str) -> Account | None:
    """Return whose account somebody is who is named in a file; None where the caller does not say.

    Raises:
        TypeError: the caller's word, in this argument, is no Account.
    """
    if people is None:
        return None

    account = people.get(named) if isinstance(people, Mapping) else people(named)
    if account is not None and not isinstance(account, Account):
        raise TypeError(
            f"{argument} must give an Account for {named!r}, not {type(account).__name__}"
        )

    return account
