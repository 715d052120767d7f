"""The commands by name, and the names that a bot's author gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

from session_plugin.checks import check_mapping

Command = Literal[
    "link", "unlink", "whoami", "new", "search", "private", "privacy", "export", "forget"
]
COMMANDS: tuple[Command, ...] = get_args(Command)

TAKE_WORDS: frozenset[Command] = frozenset({"link", "unlink", "search", "private", "forget"})
"""Commands that take an argument."""
ANYWHERE: frozenset[Command] = frozenset({"privacy"})
"""Commands that may be answered in a group."""

Spell = Callable[[Command], str]
"""How people type a command on a platform: `lambda name: "/" + name`, with the author's renaming
and prefix.
"""


def check_names(names: Mapping[str, str] | None) -> dict[Command, str]:
    """Return each offered command's name on a platform; by default each has its own name.

    Args:
        names: Our name to the author's, `{"link": "connect"}`. Commands left out keep their names;
            an empty name turns a command off, None turns all off.

    Raises:
        TypeError: it is not a mapping.
        ValueError: a key is not a command, a name is not a single word, or two commands share a
            name.
    """
    if names is None:
        return {}

    check_mapping("commands", names)

    unknown = sorted(set(names) - set(COMMANDS))
    if unknown:
        raise ValueError(
            f"there is no command {unknown[0]!r} to rename; choose from {', '.join(COMMANDS)}"
        )

    named = {command: names.get(command, command) for command in COMMANDS}
    offered = {command: name for command, name in named.items() if name}
    for command, name in offered.items():
        if [name] != name.split():
            raise ValueError(
                f"{command} cannot be renamed to {name!r}: use a single word without spaces"
            )

    if len(set(offered.values())) < len(offered):
        raise ValueError(f"two commands share a name; rename one: {', '.join(offered.values())}")

    return offered
