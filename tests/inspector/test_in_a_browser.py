"""The inspector in chromium: what is seen, that hostile text stays text, keyboard and structure.

Skipped without chromium and its driver, but not in CI. With SESSION_PICTURES set to a folder, the
pictures of the documentation are written there.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from session_plugin.inspector.serving import serving

PAGES = ("/", "/groups", "/search", "/links", "/health")
TAB, ENTER = "\ue004", "\ue007"

STRUCTURE = """
const problems = [];
const headings = [...document.querySelectorAll('h1,h2,h3,h4')].map(one => +one.tagName[1]);
if (headings.filter(level => level === 1).length !== 1) problems.push('not one h1');
headings.forEach((level, at) => {
  if (at && level > headings[at - 1] + 1) problems.push(`h${level} after h${headings[at - 1]}`);
});
for (const mark of ['header', 'nav', 'main', 'footer'])
  if (!document.querySelector(mark)) problems.push(`no ${mark}`);
for (const one of document.querySelectorAll('input:not([type=hidden]),select'))
  if (!one.labels.length) problems.push(`no label: ${one.name}`);
for (const table of document.querySelectorAll('table')) {
  if (!table.caption) problems.push('a table without caption');
  for (const cell of table.querySelectorAll('th')) if (!cell.scope) problems.push('th without scope');
}
for (const one of document.querySelectorAll('svg')) if (!one.getAttribute('aria-label')) problems.push('svg');
for (const one of document.querySelectorAll('a'))
  if (!one.textContent.trim()) problems.push('a link without words');
const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
if (new Set(ids).size !== ids.length) problems.push('an id twice');
if (document.documentElement.lang !== 'en') problems.push('no language');
return problems;
"""

CONTRAST = """
const channels = colour => colour.match(/[\\d.]+/g).map(Number);
const light = colour => {
  const [r, g, b] = channels(colour).map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = one => {
  for (let at = one; at; at = at.parentElement) {
    const found = getComputedStyle(at).backgroundColor;
    if (channels(found).length < 4 || channels(found)[3] > 0) return found;
  }
  return 'rgb(255, 255, 255)';
};
const weak = new Set();
for (const one of document.querySelectorAll('body *')) {
  if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
  const isDrawn = one instanceof SVGElement;
  const style = getComputedStyle(one);
  const pair = [isDrawn ? style.fill : style.color, behind(isDrawn ? one.ownerSVGElement : one)].map(light);
  const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (ratio < 4.5) weak.add(`${one.tagName} ${one.className} ${ratio.toFixed(2)}`);
}
return [...weak];
"""


pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""What the pages say of PostgreSQL is tested without a browser."""


async def test_an_operator_finds_their_way_with_hostile_texts_as_text(
    stored: Any, browser: Any
) -> None:
    async with serving(stored.database, show_text=True) as served:
        site = f"http://127.0.0.1:{served.port}"
        await browser.open(served.url)
        assert await browser.url() == f"{site}/"  # the token is gone from the address
        assert await browser.text("h1") == "People"

        await browser.click(await browser.find("tbody th a"))
        assert "Ann <b>Bold</b>" in await browser.text("h1")
        assert "ann-on-telegram" in await browser.text()
        await browser.click(await browser.find_link(stored.session_id))
        assert await browser.text("h1") == f"Session {stored.session_id}"

        seen = await browser.text(".timeline")
        assert "<script>document.title='taken'</script>" in seen
        assert "taken" not in (await browser.title())
        assert await browser.run("return document.scripts.length + document.images.length") == 0
        assert "U+202E" in seen
        assert "U+0000" in seen
        assert "U+D800" in seen

        await browser.click(await browser.find_link("All 100,100 characters"))
        assert len(await browser.text(".text")) > 100_000
        is_narrow = "return document.documentElement.scrollWidth <= window.innerWidth"
        assert await browser.run(is_narrow)

        await browser.open(f"{site}/model?id={stored.session_id}")
        assert "the summary stands for it" in await browser.text(".why")


async def test_every_page_is_sane_for_a_screen_reader_and_readable_in_both_schemes(
    stored: Any, browser: Any
) -> None:
    async with serving(stored.database, show_text=True) as served:
        site = f"http://127.0.0.1:{served.port}"
        await browser.open(served.url)
        mine = (
            f"/person?id={stored.user_id}",
            f"/session?id={stored.session_id}",
            f"/model?id={stored.session_id}",
            f"/search?user={stored.user_id}&words=first",
        )
        for scheme, pages in (("light", (*PAGES, *mine)), ("dark", ("/health", *mine[1:3]))):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            await browser.devtools("Emulation.setEmulatedMedia", features=features)
            for page in pages:
                await browser.open(f"{site}{page}")
                if scheme == "light":
                    assert await browser.run(STRUCTURE) == [], page
                assert await browser.run(CONTRAST) == [], (page, scheme)


async def test_the_keyboard_skips_to_the_content_and_runs_a_search_without_scripts(
    stored: Any, browser: Any
) -> None:
    async with serving(stored.database, show_text=True) as served:
        await browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
        await browser.open(served.url)
        await browser.press(TAB)
        focused = "return document.activeElement.textContent"
        assert await browser.run(focused) == "Skip to the content"
        await browser.press(ENTER)
        assert (await browser.url()).endswith("#main")

        await browser.press(TAB, *"telegram", ENTER)
        async with asyncio.timeout(10):  # a form is sent after the key was pressed
            while "like=telegram" not in await browser.url():
                await asyncio.sleep(0.05)
        assert "Nobody is found" in await browser.text()


async def test_a_page_of_another_site_gets_nothing(stored: Any, browser: Any) -> None:
    async with serving(stored.database, show_text=True) as served:
        await browser.open(served.url)
        await browser.open("about:blank")
        script = """
            const done = arguments[arguments.length - 1];
            fetch(arguments[0]).then(answer => answer.text()).then(done, error => done('refused'));
        """
        answer = await browser.command(
            "POST",
            "/execute/async",
            script=script,
            args=[f"http://127.0.0.1:{served.port}/"],
        )
        assert answer == "refused"


@pytest.mark.skipif("SESSION_PICTURES" not in os.environ, reason="pictures are not asked for")
async def test_pictures_are_taken(stored: Any, browser: Any) -> None:
    folder = Path(os.environ["SESSION_PICTURES"])
    async with serving(stored.database, show_text=True) as served:
        site = f"http://127.0.0.1:{served.port}"
        await browser.open(served.url)
        for name, page, scheme in (
            ("people", "/", "light"),
            ("person", f"/person?id={stored.user_id}", "light"),
            ("session", f"/session?id={stored.session_id}", "dark"),
            ("model", f"/model?id={stored.session_id}", "light"),
            ("links", "/links", "light"),
        ):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            await browser.devtools("Emulation.setEmulatedMedia", features=features)
            await browser.resize(1100, 1350 if name == "model" else 900)
            await browser.open(f"{site}{page}")
            await browser.picture(folder / f"inspector_{name}.png")
