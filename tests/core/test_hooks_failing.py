"""A hook that fails, hangs or does not stop costs itself, never another plugin, the message or the
bot.
"""

import asyncio
import contextlib
import gc
import logging

import pytest

from session_plugin import hookimpl
from session_plugin.plugins import manager as plugins
from session_plugin.upkeep import consolidator

SECRET = "4111 1111 1111 1111"


class NoException(BaseException):
    """What some libraries raise lest anybody catch it."""


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 0.05)
    monkeypatch.setattr(plugins, "CANCEL_SECONDS", 0.02)


def raising():
    raise ValueError(SECRET)


async def raising_later():
    await asyncio.sleep(0)
    raise ValueError(SECRET)


async def hanging():
    await asyncio.Event().wait()


async def not_stopping():
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0.05)
    raise ValueError(SECRET)


async def cancelled():
    raise asyncio.CancelledError


def cancelled_at_once():
    raise asyncio.CancelledError


def raising_no_exception():
    raise NoException(SECRET)


async def raising_no_exception_later():
    await asyncio.sleep(0)
    raise NoException(SECRET)


FAILURES = [
    raising,
    raising_later,
    hanging,
    not_stopping,
    cancelled,
    cancelled_at_once,
    raising_no_exception,
    raising_no_exception_later,
]
failing = pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)


def everything(fail):
    """A plugin of which every hook of a kind fails in the same way."""

    class Failing:
        @hookimpl(tryfirst=True)
        def session_on_message(self, event):
            return fail()

        @hookimpl(tryfirst=True)
        def session_on_start(self):
            return fail()

        @hookimpl(tryfirst=True)
        def session_on_identity(self):
            return fail()

    return Failing()


@failing
async def test_a_failing_hook_stops_no_other_plugin(new_hub, event_log, talk, fail):
    hub = new_hub(everything(fail), event_log)
    for text in ("one", "two"):
        assert (await hub.record(talk.said(talk.account("ann"), text))).is_stored
    await hub.settle()
    assert event_log.names() == ["identity", "start", "message", "message"]


@failing
async def test_a_failing_hook_is_logged_with_its_plugins_name_and_no_text(
    new_hub, talk, caplog, fail
):
    caplog.set_level(logging.INFO)
    hub = new_hub()
    hub.register(everything(fail), "clumsy")
    await hub.record(talk.said(talk.account("ann"), SECRET))
    await hub.settle()
    await asyncio.sleep(0.1 if fail is not_stopping else 0)
    failures = [record.message for record in caplog.records if "failed" in record.message]
    assert len(failures) == 3
    assert all("clumsy" in message for message in failures)
    assert SECRET not in caplog.text


async def test_what_an_exception_says_is_logged_at_debug(new_hub, talk, caplog):
    caplog.set_level(logging.DEBUG)
    hub = new_hub(everything(raising))
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    assert SECRET in caplog.text


@pytest.mark.parametrize(
    "fail",
    [raising, raising_no_exception, raising_no_exception_later],
    ids=lambda fail: fail.__name__,
)
async def test_the_log_says_where_in_the_plugin_it_failed(new_hub, talk, caplog, fail):
    hub = new_hub(everything(fail))
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    failures = [record.message for record in caplog.records if "failed" in record.message]
    assert len(failures) == 3
    assert all(f"{__file__}:" in message for message in failures)


async def test_what_a_summariser_says_that_was_given_up_at_closing_is_not_logged(
    new_hub, talk, caplog, monkeypatch
):
    monkeypatch.setattr(consolidator, "CLOSING_SECONDS", 0.01)

    class Clumsy:
        @hookimpl
        async def session_summarize(self, messages):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ValueError(SECRET) from None

    hub, ann = new_hub(Clumsy(), consolidation_threshold=4), talk.account("ann")
    for number in range(5):
        await hub.record(talk.said(ann, str(number)))
    await hub.close()
    await asyncio.sleep(0)
    gc.collect()
    assert SECRET not in caplog.text


async def test_a_plain_hook_that_blocks_the_loop_is_logged(new_hub, talk, caplog, monkeypatch):
    monkeypatch.setattr(plugins, "SLOW_SECONDS", -1.0)
    hub = new_hub()
    hub.register(everything(lambda: None), "slow one")
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    assert "slow one blocked the event loop" in caplog.text


async def test_a_hook_that_takes_its_time_does_not_delay_the_bot(new_hub, talk, monkeypatch):
    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 30.0)
    release = asyncio.Event()
    hub = new_hub(everything(release.wait))
    assert (await asyncio.wait_for(hub.record(talk.said(talk.account("ann"), "hi")), 5)).is_stored
    release.set()


# Questions


def asked(answer):
    class Asked:
        @hookimpl
        def session_resolve_user(self, account):
            return answer()

        @hookimpl
        def session_summarize(self, session, messages, previous):
            return answer()

    return Asked()


@failing
async def test_a_plugin_that_fails_to_tell_whose_an_account_is_leaves_it_a_user_of_its_own(
    new_hub, talk, fail
):
    hub, ann = new_hub(asked(fail)), talk.account("ann")
    assert (await hub.record(talk.said(ann, "hi"))).is_stored
    assert (await hub.identity_of(ann)).user_id


@failing
async def test_a_plugin_that_fails_to_answer_does_not_keep_the_next_from_it(new_hub, talk, fail):
    hub, ann = new_hub(), talk.account("ann")
    hub.register(asked(lambda: "customer-7"), "knows")
    hub.register(asked(fail), "fails first")
    await hub.record(talk.said(ann, "hi"))
    assert (await hub.identity_of(ann)).user_id == "customer-7"


@pytest.mark.parametrize(
    "answer",
    [*FAILURES, lambda: "", lambda: " \n", lambda: 7],
    ids=[*(fail.__name__ for fail in FAILURES), "empty", "blank", "number"],
)
async def test_a_summariser_that_gives_nothing_useful_changes_nothing(new_hub, talk, texts, answer):
    hub, ann = (
        new_hub(asked(answer), consolidation_threshold=4, summary_patience=0.2),
        talk.account("ann"),
    )
    for number in range(6):
        recorded = await hub.record(talk.said(ann, str(number)))
    await hub.settle()
    context = await recorded.session.for_model()
    assert context.summary is None
    assert [message.content for message in context.messages] == ["0", "1", "2", "3", "4", "5"]
    assert await hub.consolidate((await recorded.session.info()).session_id) is None


async def test_a_summary_is_the_first_plugins_that_has_one(new_hub, talk):
    hub, ann = new_hub(asked(lambda: "in short"), consolidation_threshold=4), talk.account("ann")
    for number in range(5):
        recorded = await hub.record(talk.said(ann, str(number)))
    await hub.settle()
    assert (await recorded.session.for_model()).summary.text == "in short"


async def test_without_an_answer_the_built_in_digest_sums_up(new_hub, talk):
    hub, ann = new_hub(asked(lambda: None), consolidation_threshold=4), talk.account("ann")
    for number in range(5):
        recorded = await hub.record(talk.said(ann, f"fact-{number}"))
    await hub.settle()
    summary = (await recorded.session.for_model()).summary
    assert summary.made_by == "digest"
    assert "fact-1" in summary.text


async def test_a_summary_is_not_put_over_messages_that_changed_meanwhile(
    new_hub, talk, monkeypatch
):
    started, release = asyncio.Event(), asyncio.Event()

    class Slow:
        @hookimpl
        async def session_summarize(self, messages):
            started.set()
            await release.wait()
            return "with " + ", ".join(message.content for message in messages)

    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 30.0)
    hub, ann = new_hub(Slow(), consolidation_threshold=4), talk.account("ann")
    for number in range(5):
        recorded = await hub.record(talk.said(ann, f"fact-{number}", message_id=str(number)))
    await started.wait()
    await hub.delete(talk.direct(ann), ["0"])
    release.set()
    await hub.settle()
    summary = (await recorded.session.for_model()).summary
    assert summary is None or "fact-0" not in summary.text


# Answers that are of no use


@pytest.mark.parametrize("hook", ["session_resolve_scope", "session_resolve_user"])
@pytest.mark.parametrize(
    "answer",
    [{"token": SECRET}, f"{SECRET}\0", f"{SECRET}\ud800"],
    ids=["type", "NUL", "surrogate"],
)
async def test_an_answer_of_no_use_is_a_failure_of_its_plugin_and_stays_out_of_the_log(
    new_hub, talk, caplog, hook, answer
):
    caplog.set_level(logging.INFO)
    hub = new_hub()
    hub.register(type("Odd", (), {hook: hookimpl(lambda self: answer)})(), "odd")
    await hub.record(talk.said(talk.account("ann"), "hi"))
    (odd,) = (await hub.status()).plugins
    assert (odd.calls, odd.failures) == (1, 1)
    assert f"plugin odd failed in {hook}" in caplog.text
    assert SECRET not in caplog.text


async def test_a_plugin_whose_answer_is_of_no_use_does_not_keep_the_next_from_it(new_hub, talk):
    hub, ann = new_hub(), talk.account("ann")
    hub.register(asked(lambda: "customer-7"), "knows")
    hub.register(asked(lambda: 7), "asked first")
    await hub.record(talk.said(ann, "hi"))
    assert (await hub.identity_of(ann)).user_id == "customer-7"


async def test_a_filter_that_gives_no_message_is_counted_as_failing(new_hub, talk):
    hub = new_hub()
    hub.register(
        type("Odd", (), {"session_filter_message": hookimpl(lambda self, event: event.text)})(),
        "odd",
    )
    await hub.record(talk.said(talk.account("ann"), "hi"))
    assert [one.failures for one in (await hub.status()).plugins] == [1]
