"""Which plugins are taken, and what is said of one that is not."""

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from session_plugin import PluginError, SessionHub, hookimpl


def named(hook, function, **options):
    return type("Broken", (), {hook: hookimpl(**options)(function)})()


def test_an_unknown_hook_is_refused_with_the_one_that_was_meant(new_hub):
    with pytest.raises(
        PluginError, match=r"Broken.*session_on_mesage.*did you mean session_on_message"
    ):
        new_hub(named("session_on_mesage", lambda self, event: None))


def test_an_unknown_hook_like_none_of_ours_is_refused_with_all_of_them(new_hub):
    with pytest.raises(PluginError, match=r"there are .*session_filter_message"):
        new_hub(named("xyzzy", lambda self: None))


@pytest.mark.parametrize("name", ["PROJECT", "pluggy", "Account"])
def test_what_the_module_of_the_hooks_holds_besides_is_no_hook(new_hub, name):
    with pytest.raises(PluginError, match=f"no hook {name}"):
        new_hub(named(name, lambda self: None))


def test_an_argument_that_the_hook_does_not_have_is_refused(new_hub):
    with pytest.raises(PluginError, match=r"Broken.*session_on_message"):
        new_hub(named("session_on_message", lambda self, text: None))


@pytest.mark.parametrize("options", [{"wrapper": True}, {"hookwrapper": True}])
def test_a_wrapper_is_refused(new_hub, options):
    def around(self, event):
        return (yield)

    with pytest.raises(
        PluginError, match=r"Broken.*session_on_message.*wrappers are not supported"
    ):
        new_hub(named("session_on_message", around, **options))


def test_a_class_is_refused_where_an_instance_is_meant(new_hub, new_event_log):
    with pytest.raises(PluginError, match=r"EventLog.*register an instance"):
        new_hub(new_event_log)


def test_a_hook_that_is_not_marked_is_refused(new_hub, new_event_log):
    class Unmarked:
        def session_filter_message(self, event):
            return None

    class Overridden(new_event_log):
        async def session_on_edit(self, event, session): ...

    with pytest.raises(
        PluginError, match=r"Unmarked.*session_filter_message is not marked.*@hookimpl"
    ):
        new_hub(Unmarked())
    with pytest.raises(PluginError, match=r"Overridden.*session_on_edit is not marked.*@hookimpl"):
        new_hub(Overridden())


def test_a_hook_that_yields_is_refused(new_hub):
    class Yielding:
        @hookimpl
        async def session_on_message(self, event, session):
            yield event

    with pytest.raises(PluginError, match=r"Yielding.*session_on_message yields.*never run"):
        new_hub(Yielding())


def test_a_plugin_that_answers_to_any_name_is_taken_for_what_it_lists(new_hub, new_event_log):
    class Wrapping(new_event_log):
        def __getattr__(self, name):
            return print

    assert new_hub().register(Wrapping()).endswith("Wrapping")


@pytest.mark.parametrize("plugin", [None, "session_plugin_redact", object()])
def test_what_implements_no_hook_is_no_plugin(new_hub, plugin):
    with pytest.raises(PluginError, match=r"builtins.*it implements no hook"):
        new_hub(plugin)


async def test_a_refused_plugin_is_never_called(hub, talk):
    called = []

    class HalfRight:
        @hookimpl
        def session_on_message(self, event):
            called.append(event)

        @hookimpl
        def session_on_mesage(self, event):
            called.append(event)

    with pytest.raises(PluginError):
        hub.register(HalfRight())
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    assert called == []


async def test_a_plugin_registered_twice_is_refused_and_goes_on_being_told_once(
    new_hub, event_log, talk
):
    hub = new_hub(event_log)
    for name in (None, "by another name"):
        with pytest.raises(PluginError, match="already registered"):
            hub.register(event_log, name)
    await hub.record(talk.said(talk.account("ann"), "hi"))
    await hub.settle()
    assert event_log.names().count("message") == 1


def test_a_second_plugin_of_a_class_needs_a_name_and_the_refusal_shows_neither(new_hub):
    @dataclass
    class Summing:
        api_key: str

        @hookimpl
        async def session_summarize(self, messages): ...

    hub = new_hub(Summing("hunter2"))
    with pytest.raises(
        PluginError, match=r"Summing is already registered.*hub\.register\(plugin, 'another"
    ) as caught:
        hub.register(Summing("hunter3"))
    assert "hunter" not in str(caught.value)
    assert hub.register(Summing("hunter3"), "another name") == "another name"


def test_the_name_that_a_plugin_goes_by_is_given_back(hub, event_log, new_event_log):
    assert hub.register(event_log).endswith("EventLog")
    assert hub.register(new_event_log(), "second") == "second"


# Entry points


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with one module and one entry point, as pip leaves it behind."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    modules = []

    def installed(distribution, source, *, entry="redact", target=None):
        module = distribution.replace("-", "_")
        modules.append(module)
        (site / f"{module}.py").write_text(source)
        info = site / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(
            f"[session_plugin]\n{entry} = {target or module + ':Plugin'}\n"
        )
        return Path(site)

    yield installed
    for module in modules:
        sys.modules.pop(module, None)


GOOD = """
from dataclasses import replace
from session_plugin import hookimpl

class Plugin:
    @hookimpl
    def session_filter_message(self, event):
        return replace(event, text=event.text + WORD)
"""


async def test_an_installed_plugin_is_loaded_and_logged_with_its_distribution(
    install, new_hub, talk, texts, caplog
):
    caplog.set_level(logging.INFO)
    install("chat-redact", GOOD.replace("WORD", "' (seen)'"))
    hub, ann = new_hub(load_entry_points=True), talk.account("ann")
    await hub.record(talk.said(ann, "hi"))
    assert await texts(hub, ann) == ["hi (seen)"]
    assert "redact (chat-redact 1.2)" in caplog.text


async def test_a_module_is_a_plugin_too(install, new_hub, talk, texts):
    source = (
        "from session_plugin import hookimpl\n@hookimpl\ndef session_filter_message(event):\n    "
        "return None\n"
    )
    install("chat-silence", source, target="chat_silence")
    hub, ann = new_hub(load_entry_points=True), talk.account("ann")
    await hub.record(talk.said(ann, "hi"))
    assert await texts(hub, ann) == []


def test_installed_plugins_can_be_left_out(install, database):
    install("chat-broken", "raise RuntimeError")
    SessionHub(database, load_entry_points=False)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("raise RuntimeError('no licence')", None),
        ("raise SystemExit(3)", None),
        ("class Odd(BaseException): ...\nraise Odd", None),
        ("import a_library_that_is_not_installed", None),
        ("x = 1", "chat_broken:Missing"),
        ("class Plugin:\n    def __init__(self): raise OSError", None),
        (
            "from session_plugin import hookimpl\nclass Plugin:\n    @hookimpl\n    def "
            "session_on_mesage(self): ...",
            None,
        ),
    ],
)
def test_a_broken_installed_plugin_is_an_error_that_names_its_distribution(
    install, new_hub, source, target
):
    install("chat-broken", source, target=target)
    with pytest.raises(PluginError, match=r"redact of chat-broken 1\.2 cannot be loaded"):
        new_hub(load_entry_points=True)


def test_two_distributions_that_offer_one_name_are_an_error_that_names_one(install, new_hub):
    install("chat-redact", GOOD.replace("WORD", "''"))
    install("chat-censor", GOOD.replace("WORD", "''"))
    with pytest.raises(PluginError, match=r"redact of chat-(censor|redact) 1\.2 cannot be loaded"):
        new_hub(load_entry_points=True)


SETTABLE = GOOD.replace("WORD", "self.mark").replace(
    "class Plugin:", "class Plugin:\n    def __init__(self, mark='-'): self.mark = mark + ''"
)


async def test_an_installed_plugin_is_given_its_settings(install, new_hub, talk, texts):
    install("chat-redact", SETTABLE)
    hub = new_hub(
        load_entry_points=True, plugin_settings={"redact": {"mark": "!"}}, store_patience=30
    )
    await hub.record(talk.said(talk.account("ann"), "hi"))
    assert await texts(hub, talk.account("ann")) == ["hi!"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"redcat": {}}, r"\['redcat'\], but no installed package.*there are \['redact'\]"),
        ({"redact": {"key": "hunter2"}}, r"redact of chat-redact 1\.2 cannot be loaded: TypeError"),
        ({"redact": {"mark": 2}}, r"redact of chat-redact 1\.2 cannot be loaded: TypeError"),
    ],
)
def test_settings_that_fit_no_plugin_are_refused_and_not_shown(install, new_hub, settings, words):
    install("chat-redact", SETTABLE)
    with pytest.raises(PluginError, match=words) as caught:
        new_hub(load_entry_points=True, plugin_settings=settings)
    assert "hunter2" not in str(caught.value)


def test_settings_for_a_module_are_refused(install, new_hub):
    source = "from session_plugin import hookimpl\n@hookimpl\ndef session_on_message(event): ...\n"
    install("chat-silence", source, target="chat_silence")
    with pytest.raises(PluginError, match="it is no class, so it takes no settings"):
        new_hub(load_entry_points=True, plugin_settings={"redact": {"mark": "!"}})


def test_settings_without_entry_points_are_refused(new_hub):
    with pytest.raises(ValueError, match="set load_entry_points=True"):
        new_hub(plugin_settings={"redact": {}})


async def test_an_installed_plugin_serves_every_hub(install, new_hub, talk, texts):
    install("chat-redact", GOOD.replace("WORD", "' (seen)'"))
    ann = talk.account("ann")
    for bot in ("helper", "scribe"):
        hub = new_hub(load_entry_points=True, bot=bot)
        await hub.record(talk.said(ann, bot))
        assert await texts(hub, ann) == [f"{bot} (seen)"]
