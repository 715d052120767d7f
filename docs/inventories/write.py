"""Write the inventories by which the site links to other projects' documentation.

    python docs/inventories/write.py

An inventory says on which page a name is documented. The projects publish theirs with their pages;
these are cut down to the names that our signatures and pages use, so that the site is built without
a network. A name that the installed library does not have is an error.
"""

import importlib
import zlib
from pathlib import Path

HERE = Path(__file__).parent

PYTHON = {
    "library/asyncio-sync.html": ["asyncio.Event"],
    "library/collections.abc.html": [
        f"collections.abc.{name}"
        for name in (
            "AsyncIterable",
            "AsyncIterator",
            "Awaitable",
            "Callable",
            "Collection",
            "Coroutine",
            "Iterable",
            "Iterator",
            "Mapping",
            "Sequence",
        )
    ],
    "library/constants.html": ["builtins.None"],
    "library/contextlib.html": ["contextlib.AbstractAsyncContextManager"],
    "library/exceptions.html": [
        f"builtins.{name}"
        for name in (
            "BaseException",
            "Exception",
            "ImportError",
            "OSError",
            "RuntimeError",
            "TimeoutError",
            "TypeError",
            "ValueError",
        )
    ],
    "library/functions.html": ["builtins.object"],
    "library/pathlib.html": ["pathlib.Path"],
    "library/stdtypes.html": [
        f"builtins.{name}"
        for name in ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "str", "tuple")
    ],
    "library/typing.html": ["typing.Any", "typing.Literal"],
}
DISCORD = {
    "api.html": [
        "discord.AutoShardedClient",
        "discord.Client",
        "discord.Guild",
        "discord.LoginFailure",
        "discord.Message",
        "discord.PrivilegedIntentsRequired",
        "discord.Thread",
    ],
    "ext/commands/api.html": [
        "discord.ext.commands.AutoShardedBot",
        "discord.ext.commands.Bot",
        "discord.ext.commands.Cog",
        "discord.ext.commands.Context",
    ],
    "interactions/api.html": ["discord.Interaction", "discord.app_commands.CommandTree"],
}
TELEGRAM = {
    f"{name.lower()}.html": [name]
    for name in (
        "telegram.Bot",
        "telegram.BotCommandScope",
        "telegram.Message",
        "telegram.Update",
        "telegram.ext.Application",
        "telegram.ext.ApplicationBuilder",
        "telegram.ext.CallbackContext",
        "telegram.ext.ContextTypes",
    )
}

TELEGRAM["telegram.error.html"] = ["telegram.error.InvalidToken", "telegram.error.NetworkError"]


def kind_of(name: str) -> str:
    """Return what Sphinx calls a thing; raise AttributeError if its library does not have it."""
    module, _, short = name.rpartition(".")
    value = getattr(importlib.import_module(module), short)
    if not isinstance(value, type):
        return "data"
    return "exception" if issubclass(value, BaseException) else "class"


def write(project: str, pages: dict[str, list[str]]) -> None:
    """Write one project's inventory, in version 2 of Sphinx's format."""
    lines = [
        f"{name.removeprefix('builtins.')} py:{kind_of(name)} 1 {page}#$ -\n"
        for page, names in pages.items()
        for name in names
    ]

    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    zipped = "# The remainder of this file is compressed using zlib.\n"
    content = zlib.compress("".join(sorted(lines)).encode(), 9)
    (HERE / f"{project}.inv").write_bytes((head + zipped).encode() + content)


if __name__ == "__main__":
    for project, pages in (("python", PYTHON), ("discord", DISCORD), ("telegram", TELEGRAM)):
        write(project, pages)
