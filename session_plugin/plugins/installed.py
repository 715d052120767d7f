"""Plugins that installed packages offer as entry points. Knows how to make them; calls no hook."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from session_plugin import hooks
from session_plugin.errors import PluginError
from session_plugin.plugins.failures import words_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Settings = Mapping[str, Any]


def load_installed(
    register: Callable[[object, str], object],
    *,
    except_for: Collection[str],
    settings: Mapping[str, Settings],
) -> list[str]:
    """Register the plugins of installed packages and return a description of each.

    Raises:
        PluginError: one of them cannot be loaded; the message names its distribution. Or no
            installed package offers a plugin that has settings.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415 - it takes long to import, and is rare

    offered = list(entry_points(group=hooks.PROJECT))
    names = {entry.name for entry in offered}
    if unknown := settings.keys() - names:
        raise PluginError(
            f"plugin_settings has {sorted(unknown)}, but no installed package offers a plugin of "
            f"that name; there are {sorted(names)}"
        )

    wanted = [entry for entry in offered if entry.name not in except_for]

    return [_load(register, entry, settings.get(entry.name) or {}) for entry in wanted]


def _load(register: Callable[[object, str], object], entry: EntryPoint, settings: Settings) -> str:
    dist = entry.dist
    source = f"{dist.name} {dist.version}" if dist is not None else "an unknown distribution"
    try:
        register(_made(entry.load(), settings), entry.name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit, which would not name the plugin
        # A class's own words may quote the settings, and these may hold a key.
        is_quiet = settings and not isinstance(error, PluginError)
        reason = words_of(error) if is_quiet else f"{type(error).__name__}: {error}"
        raise PluginError(
            f"plugin {entry.name} of {source} cannot be loaded: {reason}; upgrade or uninstall "
            "it, or pass load_entry_points=False"
        ) from error

    return f"{entry.name} ({source})"


def _made(plugin: Any, settings: Settings) -> object:
    """Return the plugin that an entry point names: what it is, or an instance of the class."""
    if inspect.isclass(plugin):
        return plugin(**settings)
    if settings:
        raise PluginError("it is no class, so it takes no settings")

    return plugin
