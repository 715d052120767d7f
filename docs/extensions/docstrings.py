"""Docstrings as Sphinx reads them. They are written for people: code in `single backticks`, lists
with dashes, indented code, and sections such as `Args:`.

A name in backticks becomes a link if it is public. A type in a signature is found by its public
name, wherever it is defined. Knows the public modules; knows no page.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.intersphinx import resolve_reference_detect_inventory

PUBLIC = (
    "session_plugin",
    "session_plugin.commands",
    "session_plugin.context.forms",
    "session_plugin.agents.openai",
    "session_plugin.agents.pydantic_ai",
    "session_plugin.agents.langchain",
    "session_plugin.importing",
    "session_plugin.inspector",
    "session_plugin.metrics",
    "session_plugin.testing",
    "session_plugin_discord",
    "session_plugin_discord.testing",
    "session_plugin_telegram",
    "session_plugin_telegram.testing",
    "discord_simulator",
    "telegram_simulator",
)
"""The modules whose names are documented: those in `__all__`, else the classes."""

PACKAGES = {module.partition(".")[0] for module in PUBLIC}
LIBRARIES = {
    "asyncio": ("asyncio",),
    "discord": ("discord", "discord.ext.commands", "discord.app_commands"),
    "telegram": ("telegram", "telegram.ext"),
}
"""Where libraries document what they define in modules of their own."""

NOT_MADE = {
    "session_plugin.Recorded",
    "session_plugin.SessionView",
    "session_plugin_discord.SessionContext",
    "session_plugin_telegram.SessionContext",
}
"""Classes whose objects are given to authors, who make none."""

SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields|Example):(.*)$")
ENTRY = re.compile(r"^(\*{0,2}[\w.]+(?:, [\w.]+)*): ?(.*)$")
CODE = re.compile(r"`([^`]+)`")
FIELDS = {"Args": "param", "Attributes": "ivar", "Raises": "raises"}


def public_names() -> dict[str, str]:
    """Return the public name of each public object, by where it is defined."""
    found: dict[str, str] = {}
    for module in PUBLIC:
        loaded = importlib.import_module(module)
        for name in getattr(loaded, "__all__", None) or classes_of(loaded):
            value = getattr(loaded, name)
            found.setdefault(f"{module}.{name}", f"{module}.{name}")
            if inspect.isclass(value) or inspect.isfunction(value):
                found.setdefault(f"{value.__module__}.{value.__qualname__}", f"{module}.{name}")
    return found


def classes_of(module: ModuleType) -> list[str]:
    """Return the names of the classes that a module defines."""
    classes = inspect.getmembers(module, inspect.isclass)
    return [name for name, value in classes if value.__module__ == module.__name__]


NAMES = public_names()
SHORT = {name.rpartition(".")[2]: name for name in reversed(NAMES.values())}


# From a docstring to reStructuredText


def converted(text: str, owner: Any = None) -> list[str]:
    """Return a docstring, without its indentation, as lines of reStructuredText."""
    found: list[str] = []
    for heading, block in sections(text.splitlines()):
        if not heading:
            found += body(block, owner)
        elif heading == "Example":
            found += ["", ".. code-block:: python", "", *indented(dedented(block)), ""]
        else:
            found += fields(heading, block, owner)
    return found


def sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield what stands before the first section as `""`, then each section with its lines."""
    heading, block = "", []
    for line in lines:
        begins = SECTION.match(line)
        if begins:
            yield heading, block
            heading, block = begins[1], ([f"    {begins[2].strip()}"] if begins[2].strip() else [])
        elif heading and line and not line.startswith(" "):
            yield heading, block
            heading, block = "", [line]
        else:
            block.append(line)
    yield heading, block


def fields(heading: str, block: list[str], owner: Any) -> Iterator[str]:
    """Yield a section as a list of fields."""
    yield ""
    if heading not in FIELDS:
        words = body(dedented(block), owner)
        yield f":{'returns' if heading == 'Returns' else 'yields'}: {words[0]}"
        yield from indented(words[1:])
    else:
        for names, lines in entries(dedented(block)):
            words = body(lines, owner) or [""]
            name = names.replace("*", r"\*")
            yield f":{FIELDS[heading]} {name}: {words[0]}"
            yield from indented(words[1:])
    yield ""


def entries(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each `name: what it is` of a section, with the lines that belong to it."""
    name, block = "", []
    for line in [*lines, "end: of the section"]:
        begins = ENTRY.match(line)
        if not begins:
            block.append(line)
            continue

        if name:
            yield name, [block[0], *dedented(block[1:])]
        name, block = begins[1], [begins[2]]


def body(lines: list[str], owner: Any) -> list[str]:
    """Return paragraphs, lists and indented code."""
    found: list[str] = []
    for kind, group in grouped(lines):
        if kind == "code":
            found += ["", ".. code-block:: text" if is_prose(group) else ".. code-block:: python"]
            found += ["", *indented(dedented(group)), ""]
        else:
            found += ["", *marked("\n".join(group), owner).split("\n"), ""]
    while found and not found[0]:
        found.pop(0)
    return found


def grouped(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield paragraphs, items of lists and indented code, each with its lines."""
    for kind, run in itertools.groupby(kinds(lines), key=lambda pair: pair[0]):
        block = [line for _, line in run]
        while block and not block[-1].strip():
            block.pop()
        if block and kind != "gap":
            yield kind.rstrip("0123456789"), block


def kinds(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each line with the kind of what it is in, numbered by item and paragraph."""
    kind, count = "gap", 0
    for number, line in enumerate(lines):
        follows = "" if number + 1 == len(lines) else lines[number + 1]
        if not line.strip():
            kind = "code" if kind == "code" and is_code(follows) else "gap"
        elif line.startswith("- "):
            count += 1
            kind = f"item{count}"
        elif kind in ("gap", "code") or not (kind.startswith("item") or kind.startswith("words")):
            count += kind != "code"
            kind = "code" if is_code(line) else f"words{count}"
        elif kind.startswith("item") and not line.startswith("  "):
            count += 1
            kind = f"words{count}"
        elif kind.startswith("words") and is_code(line):
            kind = "code"
        yield kind, line


def is_code(line: str) -> bool:
    """Check whether a line is indented as code is."""
    return line.startswith("    ")


def is_prose(lines: list[str]) -> bool:
    """Check whether an indented block is a table of words, and no Python."""
    try:
        ast.parse(textwrap.dedent("\n".join(lines)))
    except SyntaxError:
        return True
    return False


def marked(text: str, owner: Any) -> str:
    """Return words with code in reStructuredText's marks, and public names as links."""
    found, end = "", 0
    for code in CODE.finditer(text):
        found += escaped(text[end : code.start()]) + link(" ".join(code[1].split()), owner)
        end = code.end()
        if text[end : end + 1].isalnum():
            found += "\\ "
    return found + escaped(text[end:])


def escaped(words: str) -> str:
    """Return words in which nothing is markup."""
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", re.sub(r"([\\*|])", r"\\\1", words))


def link(code: str, owner: Any) -> str:
    """Return a name as a link if it is public, else the code as it is."""
    name, _, rest = code.partition("(")
    first, _, member = name.partition(".")
    if code == name or rest == ")":
        if name in NAMES:
            return f":py:obj:`~{NAMES[name]}`"
        if name in SHORT:
            return f":py:obj:`{code} <{SHORT[name]}>`"
        if first in SHORT and is_method(SHORT[first], member):
            return f":py:obj:`{code} <{SHORT[first]}.{member}>`"
        if owner in NAMES and is_method(NAMES[owner], name):
            return f":py:obj:`{code} <{NAMES[owner]}.{name}>`"
    return f"``{code}``"


def is_method(owner: str, member: str) -> bool:
    """Check whether a public class has a method of this name, with a docstring."""
    module, _, name = owner.rpartition(".")
    value = (
        getattr(getattr(importlib.import_module(module), name), member, None) if member else None
    )
    return inspect.isfunction(value) and bool(value.__doc__)


def dedented(lines: list[str]) -> list[str]:
    """Return lines without the indentation that they share."""
    return textwrap.dedent("\n".join(lines)).split("\n") if lines else []


def indented(lines: list[str]) -> list[str]:
    """Return lines four characters further in."""
    return [f"    {line}" if line.strip() else "" for line in lines]


# What stands below an assignment


@functools.cache
def texts_below(package: str) -> dict[str, str]:
    """Return the texts below a package's assignments, by the name that is assigned."""
    files = [one.__file__ for key, one in sys.modules.items() if key.partition(".")[0] == package]
    found: dict[str, str] = {}
    for file in sorted({file for file in files if file}):
        statements = ast.parse(Path(file).read_text()).body
        for statement, below in itertools.pairwise(statements):
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                text = inspect.cleandoc(str(below.value.value))
                found |= {target.id: text for target in targets if isinstance(target, ast.Name)}
    return found


# Sphinx's events


def on_docstring(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Convert a docstring in place."""
    text = "\n".join(lines).strip("\n")
    if what == "data":
        text = texts_below(name.partition(".")[0]).get(name.rpartition(".")[2], "")
    owner = name if what in ("class", "exception") else name.rpartition(".")[0]
    lines[:] = converted(text, NAMES.get(owner, owner))


def on_member(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what has its own place on a page, and what a library documents."""
    function = getattr(obj, "fget", obj)
    origin = getattr(inspect.unwrap(function) if callable(function) else function, "__module__", "")
    is_builtin = inspect.ismethoddescriptor(obj) and not hasattr(obj, "__wrapped__")
    is_ours = not origin or str(origin).partition(".")[0] in PACKAGES
    return True if what == "module" or is_builtin or not is_ours else None


def on_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, arguments: str | None, returns: str
) -> tuple[str, str] | None:
    """Shorten the default of a field that is made anew, and show none of what nobody makes."""
    if name in NOT_MADE:
        return "", returns
    return None if arguments is None else (arguments.replace("<factory>", "..."), returns)


def on_missing(app: Sphinx, env: Any, node: Any, contnode: Any) -> nodes.reference | None:
    """Find a type by its public name: ours, or that of a client library."""
    target = node.get("reftarget", "")
    last = target.rpartition(".")[2]
    if node.get("refdomain") != "py":
        return None

    public = NAMES.get(target) or SHORT.get(last)
    if public is not None:
        node["reftarget"] = public
        domain = env.domains["py"]
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, contnode)

    for package in LIBRARIES.get(target.partition(".")[0], ()):
        node["reftarget"] = f"{package}.{last}"
        found = resolve_reference_detect_inventory(env, node, contnode)
        if found is not None:
            return found
    node["reftarget"] = target
    return None


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the events."""
    app.connect("autodoc-process-docstring", on_docstring)
    app.connect("autodoc-skip-member", on_member)
    app.connect("autodoc-process-signature", on_signature)
    app.connect("missing-reference", on_missing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
