"""Files are fetched for a model within a budget, from plugins and adapters; nothing is stored."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from session_plugin import Attachment, FetchedMedia, hookimpl
from session_plugin.hub import media


def photo(name: str, size: int | None = 10, **more: str) -> Attachment:
    return Attachment(id=name, kind="photo", size=size, **more)


class Files:
    """Has files of ten bytes, and notes which are asked for."""

    def __init__(self, answers=None):
        self.asked = []
        self.answers = answers or {}

    @hookimpl
    async def session_fetch(self, attachment, message):
        self.asked.append((attachment.id, message.content))
        answer = self.answers.get(attachment.id, b"0123456789")
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return b"late"
        return answer


@pytest.fixture
def shown(talk):
    """Record photos of Ann, a message for each, and return her view."""

    async def show(hub, *attachments, where=None):
        view = None
        for number, one in enumerate(attachments):
            said = talk.said(where or talk.account("ann"), f"photo {number}", attachments=(one,))
            view = (await hub.record(said)).session
        return view

    return show


async def fetched(view, **limits):
    context = await view.fetch_media(await view.for_model(), **limits)
    return {name: one.data or one.url for name, one in context.media.items()}


async def test_a_plugins_bytes_and_links_are_given_to_a_model(new_hub, shown):
    hub = new_hub(Files({"b": "https://example.org/b.jpg"}))
    view = await shown(hub, photo("a"), photo("b", content_type="image/png"))
    context = await view.fetch_media(await view.for_model())
    assert context.media == {
        "a": FetchedMedia(data=b"0123456789"),
        "b": FetchedMedia(url="https://example.org/b.jpg", content_type="image/png"),
    }
    images = [part for said in context.as_openai() for part in said["content"]]
    assert "https://example.org/b.jpg" in str(images)


async def test_the_newest_files_are_fetched_within_the_count_and_the_size(new_hub, shown):
    files = Files()
    view = await shown(new_hub(files), *(photo(name) for name in "abcdef"))
    assert set(await fetched(view, max_count=2)) == {"e", "f"}
    assert set(await fetched(view, max_bytes=35)) == {"d", "e", "f"}
    assert await fetched(view, max_count=0) == {}
    assert len(files.asked) == 5


async def test_a_large_file_leaves_room_for_smaller_ones(new_hub, shown):
    files = Files()
    view = await shown(new_hub(files), photo("a"), photo("large", size=10_000), photo("b"))
    assert set(await fetched(view, max_bytes=100)) == {"a", "b"}
    assert [name for name, _ in files.asked] == ["b", "a"]


async def test_a_file_that_is_larger_than_it_said_is_left_out(new_hub, shown, caplog):
    view = await shown(new_hub(Files({"b": b"x" * 200})), photo("a"), photo("b", size=None))
    assert set(await fetched(view, max_bytes=100)) == {"a"}
    assert "larger than the budget" in caplog.text


async def test_types_say_what_a_model_takes(new_hub, shown):
    voice = Attachment(id="v", kind="voice")
    pdf = Attachment(id="p", kind="document", content_type="application/pdf")
    view = await shown(new_hub(Files()), photo("a"), voice, pdf)
    assert set(await fetched(view)) == {"a"}
    assert set(await fetched(view, types=["image/", "audio/"])) == {"a", "v"}
    assert set(await fetched(view, types=("application/pdf",))) == {"p"}
    with pytest.raises(TypeError, match="several"):
        await fetched(view, types="image/")


async def test_what_fails_or_hangs_is_named_by_its_kind_and_logged_without_words(
    new_hub, shown, caplog, monkeypatch
):
    monkeypatch.setattr(media, "FETCH_SECONDS", 0.2)
    answers = {"bad": ValueError("secret words"), "late": 5.0, "odd": 7, "path": "/etc/passwd"}
    names = [*answers, "good", "none"]
    view = await shown(new_hub(Files({**answers, "none": None})), *map(photo, names))
    started = asyncio.get_running_loop().time()
    found = await fetched(view, max_count=10)
    assert set(found) == {"good"}
    assert asyncio.get_running_loop().time() - started < 1.5
    assert not any(
        "secret" in record.getMessage() or "photo 0" in record.getMessage()
        for record in caplog.records
        if record.levelno > logging.DEBUG
    )


async def test_the_adapter_is_asked_what_no_plugin_has(new_hub, shown, talk):
    hub = new_hub(Files({"a": None, "b": ValueError()}))
    seen = []

    async def fetch(attachment, message, max_bytes):
        seen.append((attachment.id, message.content, max_bytes))
        return b"from the platform"

    async def other(attachment, message, max_bytes):
        raise AssertionError("another bot's")

    leases = [
        hub.attach("telegram", "", fetch=other),
        hub.attach("discord", "another bot", fetch=other),
        hub.attach("discord", ""),
        hub.attach("discord", "", fetch=fetch),
    ]
    view = await shown(hub, photo("a"), photo("b"))
    assert set((await fetched(view)).values()) == {b"from the platform"}
    assert sorted(seen) == [("a", "photo 0", 5_000_000), ("b", "photo 1", 5_000_000)]
    for lease in leases:
        await lease.release()


async def test_an_adapter_that_fails_or_hangs_leaves_the_placeholder(
    new_hub, shown, caplog, monkeypatch
):
    monkeypatch.setattr(media, "FETCH_SECONDS", 0.2)
    hub = new_hub()

    async def fetch(attachment, message, max_bytes):
        if attachment.id == "hangs":
            await asyncio.sleep(60)
        raise ConnectionError("https://api.telegram.org/file/bot123:TOKEN/x")

    lease = hub.attach("discord", "", fetch=fetch)
    view = await shown(hub, photo("hangs"), photo("fails"))
    assert await fetched(view) == {}
    assert "TOKEN" not in caplog.text
    assert "ConnectionError" in caplog.text
    assert "TimeoutError" in caplog.text
    await lease.release()


async def test_the_adapters_client_is_used_on_its_own_event_loop(new_hub, shown):
    hub, seen = new_hub(), []
    started, stop = threading.Event(), threading.Event()

    async def fetch(attachment, message, max_bytes):
        seen.append(threading.current_thread().name)
        return b"x"

    async def adapter():
        lease = hub.attach("discord", "", fetch=fetch)
        await lease.open()
        started.set()
        await asyncio.to_thread(stop.wait)
        await lease.release()

    view = await shown(hub, photo("a"))
    thread = threading.Thread(target=lambda: asyncio.run(adapter()), name="adapter")
    thread.start()
    await asyncio.to_thread(started.wait)
    assert await fetched(view) == {"a": b"x"}
    stop.set()
    await asyncio.to_thread(thread.join)
    assert seen == ["adapter"]


async def test_only_files_of_people_in_that_context_are_fetched(new_hub, shown, talk):
    files, ann = Files(), talk.account("ann")
    hub, room = new_hub(files), talk.group()
    await shown(hub, photo("direct"))
    await hub.record(talk.answered(ann, "mine", attachments=(photo("bots"),)))
    view = await shown(hub, photo("group"), where=room)
    assert set(await fetched(view)) == {"group"}

    direct = hub.session_of(talk.direct(ann), ann)
    assert set(await fetched(direct)) == {"direct"}
    files.asked.clear()
    assert (await view.fetch_media(await direct.for_model())).media == {}
    assert files.asked == []


async def test_nothing_that_was_fetched_is_stored(new_hub, shown, backend, database):
    view = await shown(new_hub(Files({"a": b"the content of it"})), photo("a"))
    assert await fetched(view)
    rows = backend.rows(database, "SELECT content, attachments, metadata FROM messages")
    assert b"the content of it" not in b"".join(bytes(cell or b"") for cell in rows[0])
