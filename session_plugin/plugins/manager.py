"""Find plugins, check them against the specifications, call them: async or not, each isolated from
the others.

pluggy does not await, stops at the first exception and leaves later coroutines un-awaited. So it
registers and orders here, and the implementations are called one by one, in its order. Knows hooks;
knows no database.
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
import logging
import time
import traceback
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import entry_points
from typing import Any

import pluggy

from session_plugin import hooks
from session_plugin.errors import PluginError
from session_plugin.model import Attachment, MessageEvent
from session_plugin.records.cells import attachments_to_json, to_json
from session_plugin.reports import PluginStatus

ASYNC_SECONDS = 5.0
"""How long an async hook may take before it is cancelled."""
CANCEL_SECONDS = 0.5
"""How long it then has to end before it is abandoned."""
REST_SECONDS = 60.0
"""How long a filter that took too long fails at once instead of being asked: it must not hold up
every message.
"""
SLOW_SECONDS = 0.05
"""A plain hook that blocks the event loop for longer is logged."""

Check = Callable[[Any], None]
"""Raises for an answer that is of no use."""

logger = logging.getLogger("session_plugin.plugins")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a plugin answered, and its name."""

    plugin: str
    value: Any


@dataclass(slots=True)
class _Counted:
    calls: int = 0
    failures: int = 0
    seconds: float = 0.0


class Plugins:
    """The plugins of one hub."""

    def __init__(self) -> None:
        """Start with none."""
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._resting_until: dict[str, float] = {}
        self._abandoned: set[asyncio.Future[Any]] = set()
        self._counted: defaultdict[str, _Counted] = defaultdict(_Counted)
        self._has: dict[str, bool] = {}  # asked several times for every message

    def register(self, plugin: object, name: str | None = None) -> str:
        """Add a plugin; give the name it goes by.

        Raises:
            PluginError: it implements no hook, or one that there is not, or with arguments that the
                hook does not have, or without marking it, or wraps other plugins, or is registered
                already.
        """
        try:
            return self._register(plugin, name or _name_of(plugin))
        finally:
            self._has.clear()

    def _register(self, plugin: object, name: str) -> str:
        if (
            plugin is None
            # what a function gives that forgot to give its plugin; pluggy could not take it out
            # again
        ):
            raise PluginError(f"plugin {name}: it implements no hook")
        if self._manager.is_registered(plugin):
            raise PluginError(
                f"plugin {name}: it is already registered, as {self._manager.get_name(plugin)}"
            )
        if self._manager.has_plugin(name):
            raise PluginError(
                f"a plugin {name} is already registered; for a second one, "
                "hub.register(plugin, 'another name')"
            )
        try:
            registered = self._manager.register(plugin, name)
        except pluggy.PluginValidationError as error:
            if self._manager.is_registered(plugin):  # pluggy before 1.7 leaves it half registered
                self._manager.unregister(plugin)
            raise PluginError(f"plugin {name}: {error}") from error
        fault = self._fault(plugin)
        if fault is not None:
            self._manager.unregister(plugin)
            raise PluginError(f"plugin {name}: {fault}")
        return registered or name

    def _fault(self, plugin: object) -> str | None:
        """Say what is wrong with a registered plugin that pluggy itself does not mind."""
        known = [attribute for attribute in dir(hooks) if attribute.startswith("session_")]
        callers = self._manager.get_hookcallers(plugin) or ()
        marked = {caller.name for caller in callers}
        for name in dir(plugin):
            if name in known and name not in marked and callable(getattr(plugin, name)):
                return f"{name} is not marked, so it would never be called; put @hookimpl above it"
        if not callers:
            return f"it implements no hook; there are {', '.join(known)}"
        for caller in callers:
            if not caller.has_spec():
                close = difflib.get_close_matches(caller.name, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                return f"there is no hook {caller.name}; {hint}"
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin and (
                    fault := _fault_of(implementation, caller.name)
                ):
                    return fault
        return None

    def load_entry_points(self) -> list[str]:
        """Register what installed packages offer in the entry-point group; give a description of
        each.

        Raises:
            PluginError: one of them cannot be loaded; it names the distribution.
        """
        loaded = []
        registered_before = {name for name, _ in self._manager.list_name_plugin()}
        for entry in entry_points(group=hooks.PROJECT):
            if entry.name in registered_before:
                continue
            source = (
                f"{entry.dist.name} {entry.dist.version}"
                if entry.dist is not None
                else "an unknown distribution"
            )
            try:
                plugin = entry.load()
                self.register(plugin() if inspect.isclass(plugin) else plugin, entry.name)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit, too: it does not say whose it is
                reason = f"{type(error).__name__}: {error}"
                raise PluginError(
                    f"plugin {entry.name} of {source} cannot be loaded: {reason}"
                ) from error
            loaded.append(f"{entry.name} ({source})")
        return loaded

    def note_failure(self, name: str) -> None:
        """Count an answer of a plugin that turned out to be of no use."""
        self._counted[name].failures += 1

    def status(self) -> tuple[PluginStatus, ...]:
        """Say of each plugin how often it was called, how often it failed, and how long it took in
        all.
        """
        names = [name for name, plugin in self._manager.list_name_plugin() if plugin is not None]
        counts = [(name, self._counted[name]) for name in sorted(names)]
        return tuple(
            PluginStatus(name=name, calls=c.calls, failures=c.failures, seconds=c.seconds)
            for name, c in counts
        )

    def has(self, hook: str) -> bool:
        """Tell whether any plugin implements a hook."""
        found = self._has.get(hook)
        if found is None:
            found = self._has[hook] = bool(getattr(self._manager.hook, hook).get_hookimpls())
        return found

    async def notify(self, hook: str, **arguments: Any) -> None:
        """Call every implementation of an event, whatever the others do."""
        for implementation in self._implementations(hook):
            try:
                await self._call(implementation, hook, arguments)
            except Exception as error:
                _log_failure(implementation, hook, error)

    async def ask(
        self,
        hook: str,
        *,
        check: Check | None = None,
        is_strict: bool = False,
        seconds: float | None = None,
        **arguments: Any,
    ) -> Answer | None:
        """Ask in turn, whatever the others do: the first answer that is not None. Each has
        `seconds`, or 5.

        A plugin whose answer `check` raises for fails, too. If the question `is_strict`, nobody
        answers in its place.

        Raises:
            PluginError: nobody answered, and a plugin that might have failed.
        """
        failure: PluginError | None = None
        for implementation in self._implementations(hook):
            name = implementation.plugin_name
            try:
                value = await self._call(
                    implementation, hook, arguments, seconds=seconds, check=check
                )
            except Exception as error:
                _log_failure(implementation, hook, error)
                failure = PluginError(f"plugin {name} failed in {hook}: {type(error).__name__}")
                if is_strict:
                    break
                continue
            if value is not None:
                return Answer(name, value)
        if failure is not None:
            raise failure
        return None

    async def filter(self, event: MessageEvent) -> MessageEvent | None:
        """Run a message through every filter; None if one of them keeps nothing of it.

        Raises:
            PluginError: a filter failed, so nobody knows what may be stored.
        """
        hook = "session_filter_message"
        for implementation in self._implementations(hook):
            try:
                self._refuse_while_resting(implementation.plugin_name)
                check = partial(_check_filtered, event)
                answer = await self._call(implementation, hook, {"event": event}, check=check)
            except Exception as error:
                if isinstance(error, TimeoutError):
                    self._resting_until.setdefault(
                        implementation.plugin_name, time.monotonic() + REST_SECONDS
                    )
                _log_failure(implementation, hook, error)
                raise PluginError(
                    f"plugin {implementation.plugin_name} failed to filter a message"
                ) from error
            if answer is None:
                return None
            event = answer
        return event

    def _refuse_while_resting(self, name: str) -> None:
        until = self._resting_until.get(name)
        if until is None:
            return
        if time.monotonic() < until:
            raise TimeoutError(f"it took too long within the last {REST_SECONDS:g} s")
        del self._resting_until[name]

    def _implementations(self, hook: str) -> Iterator[pluggy.HookImpl]:
        """Give the implementations in the order in which pluggy would call them."""
        implementations: list[pluggy.HookImpl] = getattr(self._manager.hook, hook).get_hookimpls()
        return reversed(implementations)

    async def _call(
        self,
        implementation: pluggy.HookImpl,
        hook: str,
        arguments: dict[str, Any],
        *,
        seconds: float | None = None,
        check: Check | None = None,
    ) -> Any:
        counted, started = self._counted[implementation.plugin_name], time.perf_counter()
        counted.calls += 1
        try:
            answer = await self._carry_out(implementation, hook, arguments, seconds)
            if answer is not None and check is not None:
                check(answer)
        except Exception:
            counted.failures += 1
            raise
        else:
            return answer
        finally:
            counted.seconds += time.perf_counter() - started

    async def _carry_out(
        self,
        implementation: pluggy.HookImpl,
        hook: str,
        arguments: dict[str, Any],
        seconds: float | None,
    ) -> Any:
        started = time.perf_counter()
        with _failures_as_exceptions():
            result = implementation.function(*(arguments[name] for name in implementation.argnames))
        took = time.perf_counter() - started
        if took > SLOW_SECONDS:
            logger.warning(
                "plugin %s blocked the event loop for %.0f ms in %s; make it an async def",
                implementation.plugin_name,
                took * 1000,
                hook,
            )
        return (
            await self._within_limit(result, seconds or ASYNC_SECONDS)
            if inspect.isawaitable(result)
            else result
        )

    async def _within_limit(self, awaitable: Awaitable[Any], seconds: float) -> Any:
        """Await with a time limit: past it the task is cancelled, and left alone if it does not
        mind that.
        """
        task = asyncio.ensure_future(awaitable)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            self._abandon(task)
            raise
        if done:
            with _failures_as_exceptions():
                return task.result()
        self._abandon(task)
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)
        raise TimeoutError(f"it took more than {seconds:g} s")

    def _abandon(self, task: asyncio.Future[Any]) -> None:
        task.cancel()
        self._abandoned.add(task)  # the event loop keeps only weak references
        task.add_done_callback(self._bury)

    def _bury(self, task: asyncio.Future[Any]) -> None:
        """Let go of a task that nobody waits for; what it raises in the end is of no interest."""
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()


def _fault_of(implementation: pluggy.HookImpl, hook: str) -> str | None:
    """Say why one hook of a plugin could not be called."""
    function = implementation.function
    if implementation.wrapper or implementation.hookwrapper:
        return f"it wraps {hook}; wrappers are not supported"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return f"{hook} yields, so it would never run; a hook returns its answer"
    if inspect.isclass(implementation.plugin) and "self" in inspect.signature(function).parameters:
        return "it is a class; register an instance of it"
    return None


@contextmanager
def _failures_as_exceptions() -> Iterator[None]:
    """Let whatever a plugin raises be an Exception, CancelledError too: nobody cancelled us. What
    ends the program, does.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise RuntimeError(f"it raised {type(error).__name__}").with_traceback(
            error.__traceback__
        ) from error


def _check_filtered(before: MessageEvent, after: Any) -> None:
    if not isinstance(after, MessageEvent):
        raise TypeError(f"a filter gives a MessageEvent or None, not {type(after).__name__}")
    if (
        replace(after, text=before.text, attachments=before.attachments, metadata=before.metadata)
        != before
    ):
        raise ValueError("a filter may change text, attachments and metadata; all else stays")
    is_tuple = isinstance(after.attachments, tuple)
    if not is_tuple or not all(
        isinstance(attachment, Attachment) for attachment in after.attachments
    ):
        raise TypeError("a filter gives attachments as a tuple of Attachment")
    to_json(after.metadata)  # raises what storing it would raise
    attachments_to_json(after.attachments)


def _log_failure(implementation: pluggy.HookImpl, hook: str, error: Exception) -> None:
    """Log which plugin failed where; what its exception says may quote a message, so that is for
    DEBUG alone.
    """
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {place[0].filename}:{place[0].lineno}" if place else ""
    logger.error(
        "plugin %s failed in %s: %s%s",
        implementation.plugin_name,
        hook,
        type(error).__name__,
        where,
    )
    logger.debug("plugin %s failed in %s", implementation.plugin_name, hook, exc_info=error)


def _name_of(plugin: object) -> str:
    if inspect.ismodule(plugin):
        return plugin.__name__
    kind = plugin if inspect.isclass(plugin) else type(plugin)
    return f"{kind.__module__}.{kind.__qualname__}"
