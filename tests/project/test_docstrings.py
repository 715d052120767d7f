"""Each public name's docstring has an example, and it runs.

An example is the indented part of a docstring under `Example:`. It may await. It finds everything
public, and what a reader takes for granted: an open `hub`; `ann` and `bob`, two accounts; `dm`, a
direct chat of Ann's; `event`, what she says there, and `session`, what she sees; a discord.py `bot`
and a python-telegram-bot `application`; modules by their names.
"""

import ast
import asyncio
import importlib
import inspect
import itertools
import os
import re
import secrets
import sys
import textwrap
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import discord
import pytest
import telegram
from discord.ext import commands
from telegram.ext import Application, ApplicationBuilder

import session_plugin

MODULES = [
    importlib.import_module(name)
    for name in (
        "session_plugin",
        "session_plugin.testing",
        "session_plugin_discord",
        "discord_simulator",
        "session_plugin_discord.testing",
        "session_plugin_telegram",
        "telegram_simulator",
        "session_plugin_telegram.testing",
        "session_plugin.agents.openai",
        "session_plugin.agents.pydantic_ai",
        "session_plugin.agents.langchain",
    )
]
PUBLIC = [(module, name) for module in MODULES for name in module.__all__]
EXAMPLE = re.compile(r"^Example:\n((?:    .*\n|\n)+)", re.MULTILINE)


def docstring_of(module: ModuleType, name: str) -> str:
    """Give the docstring of a class or a function; of anything else, the text that stands behind
    its assignment.
    """
    found = getattr(module, name)
    if inspect.isclass(found) or inspect.isfunction(found):
        return inspect.cleandoc(found.__doc__ or "")
    package = module.__name__.partition(".")[0]
    for one in [
        one for key, one in sys.modules.items() if key.partition(".")[0] == package and one.__file__
    ]:
        for statement, behind in itertools.pairwise(
            ast.parse(Path(str(one.__file__)).read_text()).body
        ):
            targets = (
                statement.targets
                if isinstance(statement, ast.Assign)
                else [getattr(statement, "target", None)]
            )
            is_it = any(isinstance(target, ast.Name) and target.id == name for target in targets)
            if is_it and isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant):
                return inspect.cleandoc(str(behind.value.value))
    fixture = getattr(found, "_fixture_function", None) or getattr(found, "__wrapped__", None)
    return inspect.cleandoc(getattr(fixture, "__doc__", None) or "")


def example_of(module: ModuleType, name: str) -> str:
    found = EXAMPLE.search(docstring_of(module, name) + "\n")
    return "" if found is None else textwrap.dedent(found[1])


def stage(module: ModuleType, hub: session_plugin.SessionHub) -> dict[str, Any]:
    """Give what an example may take for granted."""
    ann, dm = session_plugin.Account("discord", "1001"), session_plugin.Chat("discord", "77")
    event = session_plugin.MessageEvent(
        chat=dm,
        message_id="1",
        role="user",
        text="My cat is called Tom.",
        sent_at=time.time(),
        author=ann,
        author_name="Ann",
    )
    return {
        **{name: getattr(session_plugin, name) for name in session_plugin.__all__},
        **{name: getattr(module, name) for name in module.__all__},
        **{
            one.__name__: one
            for one in (
                Path,
                datetime,
                discord,
                os,
                pytest,
                replace,
                secrets,
                sys,
                telegram,
                time,
                *MODULES,
            )
        },
        "Application": Application,
        "UTC": UTC,
        "ann": ann,
        "bob": session_plugin.Account("telegram", "2002"),
        "dm": dm,
        "event": event,
        "hub": hub,
        "session": hub.session_of(dm, ann, event=event),
        "bot": commands.Bot("!", intents=discord.Intents.default()),
        "application": ApplicationBuilder().token("7000000001:example").build(),
    }


async def run(code: Any, module: ModuleType) -> None:
    async with session_plugin.SessionHub("example.db", load_entry_points=False) as hub:
        await eval(code, stage(module, hub))
        await hub.close()  # whoever holds leases on it


@pytest.mark.parametrize(
    ("module", "name"), PUBLIC, ids=[f"{module.__name__}.{name}" for module, name in PUBLIC]
)
def test_each_public_names_example_runs(
    module: ModuleType, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = example_of(module, name)
    assert example, f"{module.__name__}.{name} has no example in its docstring"
    monkeypatch.chdir(tmp_path)
    code = compile(
        example, f"{module.__name__}.{name}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(run(code, module))
    else:
        session_plugin.SessionStore("bot.db").close()  # as the bot has made it
        exec(code, stage(module, session_plugin.SessionHub("example.db", load_entry_points=False)))


def test_the_message_of_an_error_is_the_first_line_of_its_docstring() -> None:
    assert (
        str(session_plugin.LinkRefused())
        == "This code cannot be used. Ask for a new one and try again."
    )
