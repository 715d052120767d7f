"""Data keys that are to be destroyed: those of a person who is forgotten, of summaries that had
their words, and of what is gone.

A key is taken from its owner here, in the transaction that removes what it sealed. The key store is
told after the COMMIT, and `destroyed_keys` says what it has not done yet. Where nothing is sealed,
there are no keys and nothing happens. Knows which keys; knows no key store and no cipher.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from session_plugin.database.engine import Tx, Value

PIECE = 500
"""Keys looked at in one transaction."""
FIRST_KEY = b""
"""Less than any id of a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """A piece of all keys: those that seal nothing that is left, and where to go on; None at the
    end.
    """

    gone: tuple[bytes, ...]
    following: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """A piece of the keys that were destroyed, in that order.

    Args:
        key_ids: All of them.
        done: Those that the key store has destroyed.
        last: The number of the last one; None where there is none.
    """

    key_ids: tuple[bytes, ...]
    done: tuple[bytes, ...]
    last: int | None


def is_encrypted(tx: Tx) -> bool:
    """Check whether there may be keys."""
    return tx.first("encryption_state") is not None


def count_of_person(tx: Tx, user_id: str) -> int:
    """Return how many keys of a person `destroy_of_person` would destroy."""
    return len(tx.all("keys_of_user", user_id=user_id)) if is_encrypted(tx) else 0


def destroy_of_person(tx: Tx, user_id: str, *, now: float) -> int:
    """Take all keys of a person, and return how many; renew those of the summaries that may have
    had their words.

    Called when their messages are removed and their accounts, chats and sessions are still there.
    """
    if not is_encrypted(tx):
        return 0

    heard = tx.all("sessions_heard", user_id=user_id)
    own = [bytes(row["key_id"]) for row in tx.all("keys_of_user", user_id=user_id)]
    destroy(tx, own, now=now)
    session_nos = {row["session_no"] for row in (*heard, *tx.all("sessions_to_renew"))}

    renew_summaries(tx, session_nos, now=now)

    return len(own)


def destroy_of_title(tx: Tx, chat_no: int, *, now: float) -> None:
    """Take the key of a chat's title, which was removed."""
    if is_encrypted(tx):
        key_ids = [bytes(row["key_id"]) for row in tx.all("keys_of_title", chat_no=chat_no)]
        destroy(tx, key_ids, now=now)


def renew_summaries(tx: Tx, session_nos: Collection[int], *, now: float) -> None:
    """Give the summaries of sessions new keys.

    What summaries of before said, withdrawn or deleted, is in copies of the database, and cannot be
    read there any more.
    """
    if not session_nos or not is_encrypted(tx):
        return

    asked: list[dict[str, Value]] = [{"session_no": number} for number in sorted(session_nos)]
    found = tx.all_many("keys_of_summaries", asked)
    kept: list[dict[str, Value]] = [
        {
            "summary_no": row["summary_no"],
            "session_no": row["session_no"],
            "content": row["content"],
        }
        for session_no in sorted({row["session_no"] for row in found})
        for row in tx.all("contents_of_summaries", session_no=session_no)
        if row["content"]
    ]
    destroy(tx, [bytes(row["key_id"]) for row in found], now=now)
    tx.run_many("set_summaries", kept)


def destroy(tx: Tx, key_ids: Sequence[bytes], *, now: float) -> None:
    """Take keys from their owners; the key store is to destroy them."""
    tx.run_many("add_destroyed_keys", [{"key_id": key_id, "at": now} for key_id in key_ids])
    tx.run_many("drop_data_keys", [{"key_id": key_id} for key_id in key_ids])


def to_destroy(tx: Tx) -> list[bytes]:
    """Return a piece of the keys that the key store has not destroyed yet; empty at the end."""
    return [bytes(row["key_id"]) for row in tx.all("keys_to_destroy", limit=PIECE)]


def note_destroyed(tx: Tx, key_ids: Sequence[bytes]) -> None:
    """Note that the key store has destroyed keys."""
    tx.run_many("keys_are_destroyed", [{"key_id": key_id} for key_id in key_ids])


def newest_destroyed(tx: Tx) -> int:
    """Return the number of the key that was destroyed last; 0 if none was."""
    return tx.one("newest_destroyed")["destroyed_no"] or 0


def destroyed_after(tx: Tx, number: int) -> Destroyed:
    """Return a piece of the keys that were destroyed after the one with a number."""
    rows = tx.all("keys_destroyed_after", after=number, limit=PIECE)
    return Destroyed(
        key_ids=tuple(bytes(row["key_id"]) for row in rows),
        done=tuple(bytes(row["key_id"]) for row in rows if row["is_done"]),
        last=rows[-1]["destroyed_no"] if rows else None,
    )


def sweep(tx: Tx, after: bytes, *, now: float) -> int:
    """Destroy the keys of a piece that seal nothing which is left; return how many."""
    gone = owners(tx, after).gone
    destroy(tx, gone, now=now)

    return len(gone)


def owners(tx: Tx, after: bytes) -> Owners:
    """Look whether there still is what the keys of a piece are for, from a key on."""
    rows = tx.all("owners_of_keys", after=after, limit=PIECE)
    return Owners(
        gone=tuple(bytes(row["key_id"]) for row in rows if not row["is_owned"]),
        following=bytes(rows[-1]["key_id"]) if rows else None,
    )


def renew_all(tx: Tx) -> int:
    """Let everybody have new keys for what is written from now on; return how many had one.

    What is stored stays as it is, and the keys that it needs do too, until it goes.
    """
    return tx.run("renew_data_keys")
