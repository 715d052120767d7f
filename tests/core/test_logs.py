"""What is logged: text for people, and the same as fields for programs."""

import ast
import logging
import re
from pathlib import Path

import pytest

from session_plugin import hookimpl
from session_plugin.logs import FieldLogger

ROOT = Path(__file__).parents[2]
SOURCES = [
    *(ROOT / "session_plugin").rglob("*.py"),
    *(ROOT / "adapters").glob("session_plugin_*/**/*.py"),
]
LEVELS = {"debug", "info", "warning", "error", "exception"}


def calls_in(path):
    tree = ast.parse(path.read_text())
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "logger"
    ]


def test_a_record_has_its_fields_as_attributes(caplog):
    logger = FieldLogger("session_plugin.test")
    logger.warning("plugin %(plugin)s took %(seconds).1f s", plugin="slow", seconds=2.25)
    (record,) = caplog.records
    assert record.getMessage() == "plugin slow took 2.2 s"
    assert (record.msg, record.plugin, record.seconds) == (
        "plugin %(plugin)s took %(seconds).1f s",
        "slow",
        2.25,
    )
    assert (record.name, record.filename) == ("session_plugin.test", "test_logs.py")


def test_a_field_that_is_no_text_and_no_number_is_logged_as_text(caplog):
    FieldLogger("session_plugin.test").error("failed: %(error)s", error=ValueError("why"))
    assert caplog.records[0].error == "why"


def test_a_text_without_fields_may_have_any_characters(caplog):
    FieldLogger("session_plugin.test").error("100 %s")
    assert caplog.messages == ["100 %s"]


def test_an_exception_that_is_handled_is_logged_with_its_trace(caplog):
    try:
        int("zanzibar")
    except ValueError:
        FieldLogger("session_plugin.test").exception("failed")
    assert "ValueError: invalid literal" in caplog.text


def test_what_nobody_wants_to_see_is_not_put_together():
    class Unprintable:
        def __str__(self):
            raise AssertionError

    logging.getLogger("session_plugin.test").setLevel(logging.ERROR)
    try:
        FieldLogger("session_plugin.test").info("%(it)s", it=Unprintable())
    finally:
        logging.getLogger("session_plugin.test").setLevel(logging.NOTSET)


def test_each_record_of_ours_names_its_fields():
    taken = {*vars(logging.makeLogRecord({})), "message", "asctime"}
    for path in SOURCES:
        for call in calls_in(path):
            where = f"{path}:{call.lineno}"
            assert len(call.args) == 1, f"{where}: give fields by name"
            fields = {keyword.arg for keyword in call.keywords} - {"exc_info"}
            assert not fields & taken, f"{where}: logging has its own {fields & taken}"
            if isinstance(call.args[0], ast.Constant):
                named = re.findall(r"%\((\w+)\)", call.args[0].value)
                assert set(named) == fields, f"{where}: {call.args[0].value}"


def test_nothing_of_ours_logs_without_fields():
    makers = {path.name for path in SOURCES if "logging.getLogger" in path.read_text()}
    assert makers == {"logs.py", "driver.py"}  # and a test's driver, which listens


async def failing(new_hub, talk, caplog, hook):
    class Plugin:
        session_on_message = hookimpl(specname="session_on_message")(hook)

    hub = new_hub()
    hub.register(Plugin(), "mine")
    await hub.record(talk.said(talk.account("ann"), "zanzibar"))
    await hub.settle()
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert (record.plugin, record.hook) == ("mine", "session_on_message")
    assert record.place.startswith(__file__)
    return record.error


def misspelt(self, event, session):
    event.txet  # noqa: B018 - a mistake


def unknown_name(self, event, session):
    sesion.messages  # noqa: B018, F821 - a mistake


def wrong_keyword(self, event, session):
    session.add_message("user", contents=event.text)


def wrong_types(self, event, session):
    event.sent_at + event.text


async def not_awaitable(self, event, session):
    await session.session_id


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (misspelt, "AttributeError: 'MessageEvent' object has no attribute 'txet'"),
        (unknown_name, "NameError: name 'sesion' is not defined"),
        (
            wrong_keyword,
            "TypeError: Session.add_message() got an unexpected keyword argument 'contents'",
        ),
        (wrong_types, "TypeError: unsupported operand type(s) for +: 'float' and 'str'"),
        (not_awaitable, "TypeError: object str can't be used in 'await' expression"),
    ],
)
async def test_a_mistake_in_a_plugin_is_logged_in_the_interpreters_words(
    new_hub, talk, caplog, hook, words
):
    assert await failing(new_hub, talk, caplog, hook) == words


def raises_attribute_error(self, event, session):
    raise AttributeError(f"'str' object has no attribute '{event.text}'")


def raises_type_error(self, event, session):
    raise TypeError(f"'{event.text}' object is not callable")


def gets_by_name(self, event, session):
    getattr(session, event.text)


def passes_by_name(self, event, session):
    session.add_message(**{event.text: 1})


def looks_up(self, event, session):
    {}[event.text]


def parses(self, event, session):
    int(event.text)


@pytest.mark.parametrize(
    "hook",
    [raises_attribute_error, raises_type_error, gets_by_name, passes_by_name, looks_up, parses],
)
async def test_what_may_quote_a_message_is_logged_by_its_type_only(new_hub, talk, caplog, hook):
    words = await failing(new_hub, talk, caplog, hook)
    assert words in {"AttributeError", "TypeError", "KeyError", "ValueError"}
    assert not [
        r for r in caplog.records if r.levelno > logging.DEBUG and "zanzibar" in str(r.__dict__)
    ]
