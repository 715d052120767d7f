"""With SESSION_TEST_ENCRYPTION=1: what a test gives no keys is encrypted, in its subprocesses too.

Python imports this at its start where its folder is in PYTHONPATH, as tests/conftest.py sets it.
All databases of a test run share one store of keys, as copies and backups are opened with it.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

MODULE = "session_plugin.encryption.unlocking"
STORE = "SESSION_TEST_KEY_STORE"
MASTER = "7e" * 16 + "51" * 8 + "a3f00dd1e5c48b29"


class Finder:
    """Finds the module that opens keys, and gives it keys for where there are none."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_give_keys(module: Any) -> None:
            execute(module)
            give_keys(module.Encryption)

        spec.loader.exec_module = execute_and_give_keys  # type: ignore[method-assign]
        return spec


def give_keys(encryption: Any) -> None:
    """Let it use keys where none are given."""
    begin = encryption.__init__
    if begin.__name__ == "begin_with_keys":
        return

    def begin_with_keys(self: Any, keys: Any, **rest: Any) -> None:
        begin(self, keys_of_tests() if keys is None else keys, **rest)

    encryption.__init__ = begin_with_keys


def keys_of_tests() -> Any:
    """Return keys in the store of this test run."""
    from session_plugin.encryption.keys import Keys  # noqa: PLC0415 - not before it is found

    return Keys(MASTER, store=os.environ[STORE])


if os.environ.get(STORE):
    sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]
