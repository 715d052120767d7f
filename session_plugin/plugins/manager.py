"""Register plugins and call their hooks, plain or async, each isolated from the others.

pluggy only registers and orders the implementations here; they are called one by one, in its
order. pluggy's own calls do not await, stop at the first exception and leave later coroutines
un-awaited. Knows hooks; knows no database.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import pluggy

from session_plugin import hooks
from session_plugin.errors import PluginError
from session_plugin.logs import FieldLogger
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.plugins.failures import place_of, words_of
from session_plugin.plugins.faults import check_filtered, fault_of
from session_plugin.plugins.installed import load_installed
from session_plugin.plugins.resting import Rests
from session_plugin.reports import PluginStatus

ASYNC_SECONDS = 5.0
"""The time limit of an async hook, after which it is cancelled."""
CANCEL_SECONDS = 0.5
"""The time that a cancelled hook has to end before it is abandoned."""
REST_SECONDS = 60.0
"""For so long, a filter that timed out is not asked about like messages, which it would delay."""
SLOW_SECONDS = 0.05
"""A plain hook that blocks the event loop for longer is logged."""

Check = Callable[[Any], None]
"""Raises an exception for an answer that cannot be used."""

logger = FieldLogger("session_plugin.plugins")


class FilterRests(PluginError):
    """A filter was not asked about a message, because it hung on others lately. It may be later."""


class Host(Protocol):
    """The hub, as far as hooks are concerned."""

    def session_of(
        self, chat: Chat, account: Account | None, *, event: MessageEvent | None = None
    ) -> object:
        """Return the session as `account` sees it in `chat`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not None, and the name of the plugin that gave it."""

    plugin: str
    value: Any


@dataclass(slots=True)
class HookCounts:
    """Calls of a plugin, how many failed, and how long they took."""

    calls: int = 0
    failures: int = 0
    seconds: float = 0.0

    def add(self, other: HookCounts) -> None:
        """Add the counts of another hook."""
        self.calls += other.calls
        self.failures += other.failures
        self.seconds += other.seconds


class Plugins:
    """The plugins of one hub."""

    def __init__(self) -> None:
        """Start without any plugin."""
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._resting_until = Rests(time.monotonic)
        self._abandoned: set[asyncio.Future[Any]] = set()
        self._counted: defaultdict[tuple[str, str], HookCounts] = defaultdict(HookCounts)
        self._host: Host | None = None
        self._has: dict[tuple[str, ...], bool] = {}  # a cache: `has` is called for each message

    def introduce(self, host: Host) -> None:
        """Give `host` to hooks that ask for the hub, and let it make their views."""
        self._host = host

    def view_of(
        self, chat: Chat, account: Account | None, *, event: MessageEvent | None = None
    ) -> object:
        """Return the view that hooks about a message are given."""
        assert self._host is not None, "the hub introduced itself"
        return self._host.session_of(chat, account, event=event)

    def register(self, plugin: object, name: str | None = None) -> str:
        """Add a plugin and return the name under which it is registered.

        Raises:
            PluginError: The plugin or its name is registered already, it implements no hook, an
                unknown one, or one with unknown arguments, or a hook is not marked, or wraps.
        """
        try:
            return self._register(plugin, name or _name_of(plugin))
        finally:
            self._has.clear()

    def _register(self, plugin: object, name: str) -> str:
        if plugin is None:  # a factory without `return`; pluggy cannot unregister None
            raise PluginError(f"plugin {name}: it implements no hook")

        if self._manager.is_registered(plugin):
            raise PluginError(
                f"plugin {name}: it is already registered, as {self._manager.get_name(plugin)}"
            )
        if self._manager.has_plugin(name):
            raise PluginError(
                f"a plugin {name} is already registered; for a second one, call "
                "hub.register(plugin, 'another name')"
            )

        try:
            registered = self._manager.register(plugin, name)
        except pluggy.PluginValidationError as error:
            if self._manager.is_registered(plugin):  # pluggy before 1.7 leaves it half registered
                self._manager.unregister(plugin)
            raise PluginError(f"plugin {name}: {error}") from error

        fault = fault_of(self._manager, plugin)
        if fault is not None:
            self._manager.unregister(plugin)
            raise PluginError(f"plugin {name}: {fault}")

        return registered or name

    def load_entry_points(self, settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Register the plugins of installed packages and return a description of each.

        A plugin that is registered already under the same name is left out.

        Args:
            settings: By the name of an entry point, what its class is called with.

        Raises:
            PluginError: one of them cannot be loaded; the message names its distribution. Or no
                installed package offers a plugin that has settings.
        """
        registered = {name for name, _ in self._manager.list_name_plugin()}
        return load_installed(self.register, except_for=registered, settings=settings)

    def note_failure(self, name: str, hook: str) -> None:
        """Count a failure of a plugin whose answer turned out to be useless."""
        self._counted[name, hook].failures += 1

    def status(self) -> tuple[PluginStatus, ...]:
        """Return the counts of each plugin, ordered by name."""
        names = [name for name, plugin in self._manager.list_name_plugin() if plugin is not None]
        totals = {name: HookCounts() for name in sorted(names)}
        for (name, _), counts in self.counted().items():
            if name in totals:
                totals[name].add(counts)

        return tuple(
            PluginStatus(name=name, calls=c.calls, failures=c.failures, seconds=c.seconds)
            for name, c in totals.items()
        )

    def counted(self) -> dict[tuple[str, str], HookCounts]:
        """Return the counts by plugin and hook."""
        return dict(self._counted)

    def has(self, *hooks: str) -> bool:
        """Return whether any plugin implements one of some hooks."""
        found = self._has.get(hooks)
        if found is None:
            callers = [getattr(self._manager.hook, hook) for hook in hooks]
            found = self._has[hooks] = any(caller.get_hookimpls() for caller in callers)

        return found

    async def notify(self, hook: str, **arguments: Any) -> None:
        """Call every implementation of an event; failures are logged."""
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
        """Return the first answer that is not None; None if no plugin has one.

        Args:
            hook: The question.
            check: Raises an exception for a useless answer, which then counts as a failure.
            is_strict: Stop at the first failure instead of asking the next plugin.
            seconds: The time limit of each plugin; `ASYNC_SECONDS` if None.
            **arguments: The arguments of the hook.

        Raises:
            PluginError: no plugin answered, and at least one failed.
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
                failure = PluginError(f"plugin {name} failed in {hook}: {words_of(error)}")
                if is_strict:
                    break
                continue

            if value is not None:
                return Answer(name, value)

        if failure is not None:
            raise failure

        return None

    async def filter(
        self, event: MessageEvent, *, is_last_try: bool = False
    ) -> MessageEvent | None:
        """Return a message as every filter in turn left it; None if one of them returned None.

        Args:
            event: The message.
            is_last_try: Also ask filters that rest.

        Raises:
            FilterRests: a filter was not asked, because it hung on other messages lately.
            PluginError: a filter failed, so it is unknown what may be stored.
        """
        if not is_last_try:
            self._refuse_while_resting(event)

        hook = "session_filter_message"

        for implementation in self._implementations(hook):
            try:
                check = partial(check_filtered, event)
                answer = await self._call(implementation, hook, {"event": event}, check=check)
            except Exception as error:
                if isinstance(error, TimeoutError):
                    self._let_rest(implementation.plugin_name, event)
                _log_failure(implementation, hook, error)
                raise PluginError(
                    f"plugin {implementation.plugin_name} failed to filter a message"
                ) from error

            if answer is None:
                return None

            event = answer

        return event

    def rest_seconds(self, event: MessageEvent) -> float:
        """Return for how long some filter is not asked about a message; 0 if all would be."""
        left = (
            self._resting_until.seconds_left(implementation.plugin_name, event)
            for implementation in self._implementations("session_filter_message")
        )
        return max(left, default=0.0)

    def _refuse_while_resting(self, event: MessageEvent) -> None:
        if self.rest_seconds(event):
            raise FilterRests(f"a filter timed out within the last {REST_SECONDS:g} s")

    def _let_rest(self, name: str, event: MessageEvent) -> None:
        where = self._resting_until.note_hang(name, event, seconds=REST_SECONDS)
        logger.warning(
            "plugin %(plugin)s is not asked to filter messages for %(seconds)g s "
            "%(scope)s, because it took too long",
            plugin=name,
            seconds=REST_SECONDS,
            scope=where,
        )

    def _implementations(self, hook: str) -> Iterator[pluggy.HookImpl]:
        """Return the implementations in the order in which pluggy would call them."""
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
        counted, started = self._counted[implementation.plugin_name, hook], time.perf_counter()
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
        given = {"hub": self._host, **arguments}
        started = time.perf_counter()
        with _failures_as_exceptions():
            result = implementation.function(*(given[name] for name in implementation.argnames))

        took = time.perf_counter() - started
        if took > SLOW_SECONDS:
            logger.warning(
                "plugin %(plugin)s blocked the event loop for %(milliseconds).0f ms in %(hook)s; "
                "make it an async def",
                plugin=implementation.plugin_name,
                milliseconds=took * 1000,
                hook=hook,
            )

        if inspect.isawaitable(result):
            return await self._within_limit(result, seconds or ASYNC_SECONDS)

        return result

    async def _within_limit(self, awaitable: Awaitable[Any], seconds: float) -> Any:
        """Await a result; cancel its task at the time limit, and abandon it if it goes on.

        Raises:
            TimeoutError: the time limit has passed.
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
        raise TimeoutError(f"it took longer than {seconds:g} s")

    def _abandon(self, task: asyncio.Future[Any]) -> None:
        task.cancel()
        self._abandoned.add(task)  # the event loop keeps only weak references
        task.add_done_callback(self._bury)

    def _bury(self, task: asyncio.Future[Any]) -> None:
        """Drop an abandoned task, and retrieve its exception so that asyncio does not log it."""
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()


@contextmanager
def _failures_as_exceptions() -> Iterator[None]:
    """Raise what a plugin raises as an Exception; KeyboardInterrupt and SystemExit unchanged.

    A CancelledError must not pass as it is: it would look as if the caller were cancelled.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise RuntimeError(f"it raised {type(error).__name__}").with_traceback(
            error.__traceback__
        ) from error


def _log_failure(implementation: pluggy.HookImpl, hook: str, error: Exception) -> None:
    """Log which plugin failed, and where in its code.

    The exception's message is logged at DEBUG only where it may quote a chat message.
    """
    logger.error(
        "plugin %(plugin)s failed in %(hook)s: %(error)s at %(place)s",
        plugin=implementation.plugin_name,
        hook=hook,
        error=words_of(error),
        place=place_of(error) or "an unknown place",
    )
    logger.debug(
        "plugin %(plugin)s failed in %(hook)s",
        plugin=implementation.plugin_name,
        hook=hook,
        exc_info=error,
    )


def _name_of(plugin: object) -> str:
    if inspect.ismodule(plugin):
        return plugin.__name__

    kind = plugin if inspect.isclass(plugin) else type(plugin)
    return f"{kind.__module__}.{kind.__qualname__}"
