"""A hub on a file: what it does when the file goes away, and the secret that lies beside it."""

import asyncio
import logging

import pytest

from session_plugin import LinkRefused, SessionError, commands


@pytest.fixture
def database(database_file):
    """All of this is about files."""
    return database_file


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


async def test_the_warning_says_what_is_wrong_with_the_database(new_hub, talk, database, caplog):
    hub, ann = new_hub(store_patience=0.5), talk.account("ann")
    await hub.identity_of("nobody")  # opening spends none of the patience
    await hub.record(talk.said(ann, "before"))
    await hub.settle()  # what an opening does in the background would warn of the missing file, too
    away = database.rename(database.with_name("away"))
    assert not (await hub.record(talk.said(ann, "during"))).is_stored
    away.rename(database)
    await hub.close()
    (warning,) = [
        record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING
    ]
    assert warning == (
        f"a message was not stored within 0.5 s and stays queued: {database} was "
        "deleted or replaced while in use: put the file back"
    )


async def test_nothing_is_acknowledged_that_went_into_a_deleted_file(
    new_hub, talk, texts, database
):
    hub, ann = new_hub(store_patience=0.2), talk.account("ann")
    await hub.record(talk.said(ann, "before"))
    away = database.rename(database.with_name("away"))
    assert not (await hub.record(talk.said(ann, "during"))).is_stored
    away.rename(database)
    await hub.close()
    assert await texts(hub, ann) == ["before", "during"]


async def test_the_secret_lies_beside_the_database_for_its_owner_alone(new_hub, ann, database):
    await new_hub(secret=None).request_link(ann)
    secret = database.with_name("sessions.db.secret")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_bytes()) == 64


async def test_a_secret_that_somebody_emptied_is_an_error_that_names_the_file(
    new_hub, ann, database
):
    secret = database.with_name("sessions.db.secret")
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.touch(mode=0o600)
    with pytest.raises(SessionError, match=r"sessions\.db\.secret is too short"):
        await new_hub(secret=None).request_link(ann)


async def test_an_emptied_secret_keeps_nobody_from_being_heard_known_and_forgotten(
    new_hub, talk, ann, ann_too, database, caplog
):
    async with new_hub(secret=None) as hub:
        await hub.record(talk.said(ann, "hello"))
        await hub.forget(ann)
    database.with_name("sessions.db.secret").write_text("")
    hub = new_hub(secret=None)
    for number in range(3):
        assert (await hub.record(talk.said(ann_too, f"{number}"))).is_stored
        assert (await hub.forget(ann_too)).messages == 1
    assert caplog.text.count("sessions.db.secret is too short") == 1


async def test_an_emptied_secret_is_answered_in_words_that_name_no_file(
    new_hub, talk, ann, database, caplog
):
    database.parent.mkdir(parents=True, exist_ok=True)
    database.with_name("sessions.db.secret").touch(mode=0o600)
    for argument in ("", "ABCD-2345"):
        asked = commands.Asked(chat=talk.direct(ann), account=ann, name="", spell="/{}".format)
        told = (await commands.answer(new_hub(secret=None), "link", argument, asked)).text
        assert told.startswith("Something went wrong")
    assert "/link was not carried out" in caplog.text
    assert "sessions.db.secret is too short" in caplog.text


async def test_two_hubs_that_make_the_secret_at_once_make_one(new_hub, ann, ann_too):
    hubs = [new_hub(secret=None) for _ in range(8)]
    codes = await asyncio.gather(*(hub.request_link(ann_too) for hub in hubs[:3]))
    last = await asyncio.gather(*(hub.request_link(ann) for hub in hubs[3:6]))
    redeemed = [await hubs[7].pending_link(ann)]
    for code in last:
        try:
            redeemed.append(await hubs[6].redeem_link(ann_too, code.code))
        except LinkRefused:
            redeemed.append(None)
    assert len(codes) == 3
    assert sum(preview is not None for preview in redeemed) == 1
