"""Every hook is told or asked with all that it is promised, as `def` and as `async def`."""

import asyncio
from dataclasses import replace

import pytest

from session_plugin import (
    Account,
    Chat,
    IdentityEvent,
    MessageEvent,
    Session,
    SessionIdentity,
    Summary,
    hookimpl,
)

ARGUMENTS = {
    "session_on_message": {"event": MessageEvent, "session": Session},
    "session_on_edit": {"event": MessageEvent, "session": Session},
    "session_on_delete": {"chat": Chat, "message_ids": tuple, "session": Session},
    "session_on_identity": {"event": IdentityEvent, "identity": SessionIdentity},
    "session_on_start": {"session": Session, "reason": str},
    "session_on_end": {"session": Session, "reason": str},
    "session_on_consolidate": {"session": Session, "summary": Summary},
    "session_resolve_user": {"account": Account},
    "session_summarize": {"session": Session, "messages": tuple, "previous": (str, type(None))},
    "session_filter_message": {"event": MessageEvent},
}


def plugin_for(hook, calls, *, is_async):
    """A plugin with one hook, which writes its arguments down; the filter gives back what it gets."""
    names = ", ".join(ARGUMENTS[hook])
    kept = "event" if hook == "session_filter_message" else "None"
    source = (
        f"{'async ' if is_async else ''}def {hook}(self, {names}):\n    calls.append(locals())\n   "
        f" return {kept}"
    )
    scope = {"calls": calls}
    exec(source, scope)
    return type("OneHook", (), {hook: hookimpl(scope[hook])})()


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("hook", ARGUMENTS)
async def test_every_hook_is_called_with_every_argument(new_hub, talk, hook, is_async):
    calls = []
    hub, ann = (
        new_hub(plugin_for(hook, calls, is_async=is_async), consolidation_threshold=4),
        talk.account("ann"),
    )
    for number in range(5):
        event = talk.said(ann, str(number), message_id=f"id-{number}")
        recorded = await hub.record(event)
    await hub.settle()
    await hub.edit(replace(event, text="other", edited_at=2.0))
    await hub.delete(event.chat, [event.message_id])
    await recorded.session.start_new()
    await hub.settle()
    assert calls
    for call in calls:
        given = {name: value for name, value in call.items() if name != "self"}
        assert given.keys() == ARGUMENTS[hook].keys()
        assert all(isinstance(given[name], kind) for name, kind in ARGUMENTS[hook].items())


async def test_a_hook_takes_only_the_arguments_that_it_wants(new_hub, talk):
    told = []

    class Sparing:
        @hookimpl
        def session_on_start(self, reason):
            told.append(reason)

        @hookimpl
        async def session_on_message(self):
            told.append("message")

    hub = new_hub(Sparing())
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    assert told == ["first", "message"]


async def test_a_message_is_told_with_its_session_after_it_is_stored(new_hub, talk):
    seen = []

    class Reading:
        @hookimpl
        async def session_on_message(self, event, session):
            history = await hub.session_of(event.chat, event.author).history()
            seen.append((session.message_count, [message.content for message in history]))

    hub = new_hub(Reading())
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    assert seen == [(1, ["hi"])]


async def test_first_sight_and_a_new_name_are_told(new_hub, event_log, talk):
    hub, ann = new_hub(event_log), talk.account("ann")
    for name in ("Ann", "Ann", "", "Anna"):
        await hub.record(talk.said(ann, "hi", author_name=name))
    await hub.settle()
    assert [
        (told["event"].change, told["event"].display_name) for told in event_log.of("identity")
    ] == [
        ("seen", "Ann"),
        ("renamed", "Anna"),
    ]


async def test_what_happens_in_one_chat_is_told_in_its_order(new_hub, talk):
    told = []

    class Uneven:
        @hookimpl
        async def session_on_message(self, event):
            for _ in range(int(event.text) % 3):
                await asyncio.sleep(0)
            told.append(int(event.text))

    hub, ann = new_hub(Uneven()), talk.account("ann")
    await asyncio.gather(*(hub.record(talk.said(ann, str(number))) for number in range(30)))
    await hub.settle()
    assert told == list(range(30))


async def test_a_slow_hook_of_one_chat_does_not_hold_up_another(new_hub, talk):
    release, told = asyncio.Event(), []

    class Waiting:
        @hookimpl
        async def session_on_message(self, event):
            if event.text == "slow":
                await release.wait()
            told.append(event.text)

    hub = new_hub(Waiting())
    await hub.record(talk.said(talk.account("ann"), "slow"))
    await hub.record(talk.said(talk.account("bob"), "quick"))
    while not told:
        await asyncio.sleep(0)
    release.set()
    await hub.settle()
    assert told == ["quick", "slow"]


async def test_hooks_are_told_of_the_forgotten_after_all_that_was_said_before(new_hub, talk):
    told, ann = [], talk.account("ann")

    class Slow:
        @hookimpl
        async def session_on_message(self, event):
            for _ in range(5):
                await asyncio.sleep(0.002)
            told.append(event.text)

        @hookimpl
        def session_on_delete(self, message_ids):
            told.append(message_ids)

        @hookimpl
        def session_on_identity(self, event):
            told.append(event.change)

    hub = new_hub(Slow())
    said = [
        talk.said(talk.group(name), f"{name} {number}", author=ann)
        for number in range(3)
        for name in ("one", "two")
    ]
    for event in said:
        await hub.record(event)
    await hub.forget(ann)
    await hub.settle()
    assert set(told[1:7]) == {event.text for event in said}
    assert {told[0], told[-1]} == {"seen", "forgotten"}
    assert len(told[7:-1]) == 2


async def test_a_hook_that_forgets_somebody_waits_for_no_other(new_hub, event_log, talk):
    class Strict:
        @hookimpl
        async def session_on_message(self, event):
            if event.text == "forget me":
                await hub.forget(event.author)

    hub = new_hub(event_log, Strict())
    for name, text in (("bob", "hello"), ("ann", "forget me")):
        await hub.record(talk.said(talk.account(name), text))
    await asyncio.wait_for(hub.settle(), 5)
    assert event_log.of("identity")[-1]["event"].change == "forgotten"


async def test_plugins_are_called_in_pluggys_order(new_hub, talk):
    told = []

    def plugin(name, **options):
        class Named:
            @hookimpl(**options)
            def session_on_message(self):
                told.append(name)

        return Named()

    hub = new_hub()
    for name, options in (
        ("first", {}),
        ("second", {}),
        ("early", {"tryfirst": True}),
        ("late", {"trylast": True}),
    ):
        hub.register(plugin(name, **options), name)
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    assert told == ["early", "second", "first", "late"]


# Whose a new account is


class Directory:
    def __init__(self, answer):
        self.answer, self.asked = answer, []

    @hookimpl
    async def session_resolve_user(self, account):
        self.asked.append(account)
        return self.answer


async def test_a_plugin_tells_whose_a_new_account_is_once(new_hub, talk):
    directory = Directory("customer-7")
    hub, ann = new_hub(directory), talk.account("ann")
    for text in ("one", "two"):
        await hub.record(talk.said(ann, text))
    assert (await hub.identity_of(ann)).user_id == "customer-7"
    assert directory.asked == [ann]


@pytest.mark.parametrize(
    "first_sight", ["record", "answered", "edit", "request_link", "redeem_link"]
)
async def test_a_plugin_is_asked_however_an_account_is_first_seen(new_hub, talk, first_sight):
    hub, ann = new_hub(Directory("customer-7")), talk.account("ann")
    match first_sight:
        case "record":
            await hub.record(talk.said(ann, "hi"))
        case "answered":
            await hub.record(talk.answered(ann, "welcome"))
        case "edit":
            await hub.edit(talk.said(ann, "hi", edited_at=2.0))
        case "request_link":
            await hub.request_link(ann)
        case "redeem_link":
            silent = new_hub()
            await hub.redeem_link(ann, (await silent.request_link(talk.account("bob"))).code)
    assert (await hub.identity_of(ann)).user_id == "customer-7"


async def test_two_accounts_of_one_customer_are_one_person_from_the_start(new_hub, talk, texts):
    hub, ann, too = (
        new_hub(Directory("customer-7")),
        talk.account("ann"),
        talk.account("ann", channel="telegram"),
    )
    await asyncio.gather(
        *(hub.record(talk.said(account, account.channel)) for account in (ann, too))
    )
    assert sorted(await texts(hub, ann)) == ["discord", "telegram"]


@pytest.mark.parametrize("answer", [7, "", "a\0", "\ud800", object()])
async def test_an_answer_that_is_no_id_makes_a_new_user(new_hub, talk, answer):
    hub, ann = new_hub(Directory(answer)), talk.account("ann")
    assert (await hub.record(talk.said(ann, "hi"))).is_stored
    assert (await hub.identity_of(ann)).user_id not in {"7", "", "a\0"}


async def test_the_first_plugin_that_knows_is_believed(new_hub, talk):
    unsure, sure, never = Directory(None), Directory("customer-7"), Directory("customer-8")
    hub = new_hub()
    for number, plugin in enumerate((never, sure, unsure)):  # the last registered is asked first
        hub.register(plugin, str(number))
    await hub.record(talk.said(talk.account("ann"), "hi"))
    assert (len(unsure.asked), len(sure.asked), len(never.asked)) == (1, 1, 0)
    assert await hub.identity_of("customer-7") is not None


# What hooks are given to read with


async def test_a_hook_about_a_message_reads_the_history_by_its_view(new_hub, talk):
    read = []

    class Reader:
        @hookimpl
        async def session_on_message(self, event, view):
            read.append([message.content for message in await view.history(before=event)])

        @hookimpl
        async def session_on_edit(self, event, view):
            read.append([message.content for message in await view.history()])

        @hookimpl
        async def session_on_delete(self, chat, view):
            read.append([message.content for message in await view.history()])

    hub, ann = new_hub(Reader(), store_patience=30), talk.account("ann")
    first, second = talk.said(ann, "one"), talk.answered(ann, "two")
    for event in (first, second):
        await hub.record(event)
        await hub.settle()
    await hub.edit(talk.said(ann, "uno", message_id=first.message_id))
    await hub.settle()
    await hub.delete(second.chat, [second.message_id])
    await hub.settle()
    assert read == [[], ["one"], ["uno", "two"], ["uno"]]


async def test_a_hook_adds_to_the_session_by_its_view(new_hub, talk, texts):
    class Noting:
        @hookimpl
        async def session_on_message(self, event, view):
            if event.role == "user":
                await view.add("tool", "noted")

    hub, ann = new_hub(Noting(), store_patience=30), talk.account("ann")
    await hub.record(talk.said(ann, "hi"))
    await hub.settle()
    assert await texts(hub, ann) == ["hi", "noted"]


async def test_a_view_shows_a_hook_no_other_chat(new_hub, talk):
    read = []

    class Reader:
        @hookimpl
        async def session_on_message(self, event, view):
            read.append([message.content for message in await view.history()])

    hub, ann = new_hub(Reader(), store_patience=30), talk.account("ann")
    await hub.record(talk.said(ann, "a secret"))
    await hub.settle()
    await hub.record(talk.said(talk.group(), "hi all", author=ann))
    await hub.settle()
    assert read == [["a secret"], ["hi all"]]


async def test_events_are_given_the_hub_where_they_ask_for_it(new_hub, talk):
    given = []

    class Asking:
        @hookimpl
        async def session_on_identity(self, event, hub):
            given.append(("identity", hub))

        @hookimpl
        def session_on_start(self, hub):
            given.append(("start", hub))

        @hookimpl
        def session_on_end(self, hub):
            given.append(("end", hub))

    hub, ann = new_hub(Asking(), store_patience=30), talk.account("ann")
    recorded = await hub.record(talk.said(ann, "hi"))
    await recorded.session.start_new()
    await hub.settle()
    assert {name for name, _ in given} == {"identity", "start", "end"}
    assert all(one is hub for _, one in given)
