"""Which statements read and write what is private, and where it is in their rows.

A statement in sql/queries/ that has a private column in its result, or takes one, is listed here; a
test finds the ones that are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PRIVATE: Mapping[str, tuple[str, ...]] = {
    "messages": ("author_name", "content", "metadata", "attachments", "parts"),
    "accounts": ("display_name", "labels"),
    "chats": ("title",),
    "sessions": ("metadata", "state"),
    "users": ("state",),
    "summaries": ("content",),
    "vectors": ("vector",),
}
"""What is sealed, by table. All else is plain: ids, times, roles, counts."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One sealed cell in a row of a result, or among the parameters of a statement.

    Args:
        name: The column of the result, or the parameter.
        column: Its table and column.
        row: The columns or parameters that tell its row.
    """

    name: str
    column: str
    row: tuple[str, ...]


TITLE = Cell("title", "chats.title", ("chat_no",))
NAME = Cell("display_name", "accounts.display_name", ("account_no",))
LABELS = Cell("labels", "accounts.labels", ("account_no",))
SESSION_STATE = Cell("state", "sessions.state", ("session_no",))
SESSION_METADATA = Cell("metadata", "sessions.metadata", ("session_no",))
USER_STATE = Cell("state", "users.state", ("user_id",))
SUMMARY = Cell("content", "summaries.content", ("summary_no",))

MESSAGES = frozenset(
    {
        "message_by_key",
        "message_by_seq",
        "private_columns",
        "export_segment",
        "export_words_in_groups",
        "quotes_of_message",
        "quotes_of_ranges",
        "quotes_of_person",
        "live_contents",
        "said_meanwhile",
        "imported_then",
        "lately_in_guilds",
        "texts_to_compare",
        "texts_without_vector",
        "messages_to_reseal",
    }
)
"""Statements whose rows have a message's private columns, by name."""

CELLS: Mapping[str, tuple[Cell, ...]] = MappingProxyType(
    {
        "account_by_key": (NAME,),
        "account_by_no": (NAME, LABELS),
        "accounts_before": (NAME,),
        "accounts_to_reseal": (NAME, LABELS),
        "accounts_of_user": (NAME, LABELS),
        "accounts_with_names": (NAME,),
        "chat_by_key": (TITLE,),
        "chat_by_no": (TITLE,),
        "contents_of_summaries": (SUMMARY,),
        "chats_to_reseal": (TITLE,),
        "current_summaries": (SUMMARY,),
        "due_notices": (TITLE,),
        "export_chats": (TITLE,),
        "export_merged_users": (USER_STATE,),
        "export_sessions": (SESSION_METADATA, SESSION_STATE),
        "export_summaries": (Cell("text", SUMMARY.column, ("seq",)),),
        "groups_page": (TITLE,),
        "known_of_newcomers": (NAME, TITLE),
        "link_request_of": (
            Cell("asker_name", NAME.column, ("asker_no",)),
            Cell("redeemer_name", NAME.column, ("redeemer_no",)),
        ),
        "linked_accounts_page": (NAME,),
        "live_direct_session": (TITLE,),
        "live_group_session": (TITLE,),
        "messages_in_groups": (TITLE,),
        "ordinary_places": (NAME, TITLE),
        "parts_of_summary": (TITLE,),
        "segments_of_group": (TITLE,),
        "segments_of_session": (TITLE,),
        "segments_of_user": (TITLE,),
        "session_by_no": (SESSION_METADATA,),
        "sessions_to_reseal": (SESSION_METADATA, SESSION_STATE),
        "state_of_session": (SESSION_STATE,),
        "state_of_user": (USER_STATE,),
        "summaries_in_timeline": (SUMMARY,),
        "summaries_of_the_gone": (SUMMARY,),
        "summaries_superseded_by": (SUMMARY,),
        "summaries_to_reseal": (SUMMARY,),
        "users_to_reseal": (USER_STATE,),
    }
)
"""Statements whose rows have other private columns."""
OPENED = MESSAGES | CELLS.keys()
"""Statements whose rows are opened by the names of their columns."""
VECTORS = frozenset({"segment_vectors", "vectors_to_reseal"})
"""Statements that are read by position and whose rows begin with a message's number and vector."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Where the columns of a message are in the rows of a statement that is read by position."""

    seq: int
    content: int
    author_name: int | None = None
    metadata: int | None = None
    attachments: int | None = None
    parts: int | None = None
    withheld: int | None = None
    title: int | None = None
    chat_no: int | None = None

    @property
    def of_message(self) -> tuple[int, ...]:
        """The positions of `cells.PACKED` and `withheld`; -1 for those that there are not."""
        found = (self.author_name, self.metadata, self.attachments, self.parts, self.withheld)
        return tuple([-1 if position is None else position for position in found])


_TAIL = Positions(seq=0, author_name=3, content=6, metadata=7, attachments=8, withheld=11, parts=12)


def _after(place: int) -> Positions:
    """Return where the columns of `segment_tail` are behind those of a place."""
    return Positions(
        seq=place,
        author_name=place + 3,
        content=place + 6,
        metadata=place + 7,
        attachments=place + 8,
        withheld=place + 11,
        parts=place + 12,
        title=place - 1,
        chat_no=place + 17,
    )


TUPLES: Mapping[str, Positions] = MappingProxyType(
    {
        "segment_tail": _TAIL,
        "segment_instructions": _TAIL,
        "message_in_thread": _TAIL,
        "own_messages_in_groups": _after(6),
        "tail_at_once": _after(15),
        "segment_words": Positions(seq=0, content=1, attachments=2),
    }
)
"""Statements that are read by position."""
