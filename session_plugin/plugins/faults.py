"""What is wrong with a plugin, or with the answer of a filter. Knows hooks; calls none."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pluggy

from session_plugin import hooks
from session_plugin.model import MessageEvent
from session_plugin.parts import Attachment
from session_plugin.records.cells import attachments_to_json, to_json
from session_plugin.rules.meaning import is_possible


def fault_of(manager: pluggy.PluginManager, plugin: object) -> str | None:
    """Return what is wrong with a registered plugin; None if nothing is.

    Finds what pluggy itself accepts: unknown or unmarked hooks, wrappers, generators, classes.
    """
    known = [attribute for attribute in dir(hooks) if attribute.startswith("session_")]
    callers = manager.get_hookcallers(plugin) or ()

    marked = {caller.name for caller in callers}
    for name in dir(plugin):
        if name in known and name not in marked and callable(getattr(plugin, name)):
            return f"{name} is not marked, so it would never be called: put @hookimpl above it"

    if not callers:
        return f"it implements no hook; there are {', '.join(known)}"

    for caller in callers:
        if not caller.has_spec():
            import difflib  # noqa: PLC0415 - only for a mistake

            close = difflib.get_close_matches(caller.name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            return f"there is no hook {caller.name}; {hint}"

        for implementation in caller.get_hookimpls():
            is_own = implementation.plugin is plugin
            if is_own and (fault := _fault_of_hook(implementation, caller.name)):
                return fault

    return None


def _fault_of_hook(implementation: pluggy.HookImpl, hook: str) -> str | None:
    """Return why an implementation of `hook` could not be called; None if it could."""
    function = implementation.function
    if implementation.wrapper or implementation.hookwrapper:
        return f"it wraps {hook}; wrappers are not supported"

    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return f"{hook} yields, so it would never run; a hook returns its answer"

    if hook == "session_embed" and not is_possible():
        return f"{hook} needs numpy: pip install 'session-plugin[semantic]'"

    if inspect.isclass(implementation.plugin) and "self" in inspect.signature(function).parameters:
        return "it is a class; register an instance of it"

    return None


def check_filtered(before: MessageEvent, after: Any) -> None:
    """Check what a filter returned for the message `before`.

    Raises:
        TypeError: it is not a MessageEvent, or it holds values that cannot be stored.
        ValueError: it differs from `before` in more than text, attachments, parts and metadata.
    """
    if not isinstance(after, MessageEvent):
        raise TypeError(f"a filter returns a MessageEvent or None, not {type(after).__name__}")

    restored = replace(
        after,
        text=before.text,
        attachments=before.attachments,
        metadata=before.metadata,
        parts=before.parts,
    )
    if restored != before:
        raise ValueError(
            "a filter may change text, attachments, parts and metadata, and nothing else"
        )

    is_tuple = isinstance(after.attachments, tuple)
    if not is_tuple or not all(isinstance(item, Attachment) for item in after.attachments):
        raise TypeError("a filter returns attachments as a tuple of Attachment")

    to_json(after.metadata)  # raises what storing it would raise
    attachments_to_json(after.attachments)
