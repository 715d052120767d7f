"""What a person is told about their words: what is kept, for how long, who sees it. How to leave is
for commands to add.
"""

from __future__ import annotations


def privacy_text(*, retention_days: float | None, direct_sees_groups: bool) -> str:
    """Say it for one hub's settings."""
    lasting = "until it is erased" if retention_days is None else f"for {retention_days:g} days"
    own = " and, from there, what you yourself said to me in groups" if direct_sees_groups else ""
    return (
        "What is said to me and what I answer is kept, with the name and the id of your "
        "account, so that I remember our "
        f"conversation. It is kept {lasting}, and long conversations are summed up. What you "
        "say in direct messages is seen "
        f"in your own direct messages with me only, on all accounts that you have linked{own}; "
        "what is said in a group is "
        "seen in that group only. Whoever runs this bot can read all of it."
    )
