"""What people read about their messages: what is stored, for how long, who can see it.

The commands add how to change or delete it.
"""

from __future__ import annotations


def privacy_text(*, retention_days: float | None, direct_sees_groups: bool) -> str:
    """Return the text for one hub's settings."""
    lasting = (
        "They are stored without a time limit."
        if retention_days is None
        else f"They are stored for {retention_days:g} days, then deleted."
    )
    own = (
        " There you also see what you yourself said to me in groups." if direct_sees_groups else ""
    )
    return (
        "I store the messages I receive and my replies, with the name and id of your account, to "
        f"remember our conversation. {lasting} Long conversations are summarised.\n"
        "Who can see it:\n"
        "- Direct messages: you alone, in your direct messages with me on all accounts that you "
        f"have linked.{own}\n"
        "- Groups: what is said in a group is visible in that group only.\n"
        "- The people who run this bot can read everything."
    )
