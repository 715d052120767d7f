"""The site is built of the pages without a warning and without a network, and has every name.

Sphinx comes with the extra `docs`, which `.ci/run` installs where it checks the sources.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from session_plugin import SessionHub, hooks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

pytest.importorskip("furo", reason="the site is not built: its tools are in the extra `docs`")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site where no proxy, and so no network, can be reached."""
    target = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-b", "html", DOCS, target],
        capture_output=True,
        text=True,
        env={**os.environ, **nowhere},
        timeout=300,
        check=False,
    )
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return target


@pytest.fixture(scope="module")
def names(site: Path) -> set[str]:
    """Return the names that the site documents."""
    inventory = importlib.import_module("sphinx.util.inventory")
    found = inventory.InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    return {name for kind in found.data for name in found.data[kind] if kind.startswith("py:")}


def public(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.syspath_prepend(DOCS / "extensions")
    modules = importlib.import_module("docstrings").PUBLIC
    loaded = [importlib.import_module(module) for module in modules]
    return [f"{one.__name__}.{name}" for one in loaded for name in getattr(one, "__all__", ())]


def test_the_reference_has_every_public_name(
    names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [name for name in public(monkeypatch) if name not in names] == []


def test_the_reference_has_the_methods_of_a_hub_and_every_hook(names: set[str]) -> None:
    methods = [name for name, _ in inspect.getmembers(SessionHub, inspect.isfunction)]
    expected = [f"session_plugin.SessionHub.{name}" for name in methods if name[0] != "_"]
    expected += [f"session_plugin.hooks.{name}" for name in vars(hooks) if name[:8] == "session_"]
    assert [name for name in expected if name not in names] == []


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loaded = re.compile(r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="(https?:[^"]+)"')
    pages = [*site.glob("*.html"), *site.glob("api/*.html")]
    assert len(pages) > 30
    assert [found for page in pages for found in loaded.findall(page.read_text())] == []


def test_no_docstring_is_taken_for_something_else(site: Path) -> None:
    """Sections become fields, and code in backticks becomes code."""
    text = (site / "api/hub.html").read_text()
    assert ">Args:" not in text
    assert re.findall(r"<p>[^<]*`\w+`", text) == []
    assert re.findall(r"problematic", text) == []


def test_the_inventories_are_those_that_the_script_writes(tmp_path: Path) -> None:
    shutil.copy(DOCS / "inventories/write.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "write.py"], check=True)
    for inventory in sorted((DOCS / "inventories").glob("*.inv")):
        assert (tmp_path / inventory.name).read_bytes() == inventory.read_bytes()
