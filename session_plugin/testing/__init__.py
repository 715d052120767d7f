"""Tools for testing a bot, a plugin or an adapter. Needs pytest: install the extra `testing`.

A bot's author uses the driver of a platform, which each adapter offers as a pytest fixture, and
talks to the bot:

    pytest_plugins = ["session_plugin_telegram.testing"]            # in conftest.py

    async def test_my_bot_greets(on_telegram):
        ann = on_telegram.user("Ann")
        dm = on_telegram.direct_chat(ann)
        async with on_telegram.started(build(on_telegram.environment())):
            assert await on_telegram.ask(ann, dm, "hello") == "Hello, Ann!"

An adapter's author writes a driver, and runs the contract of adapters:

    class TestMyAdapter(Contract):
        @pytest.fixture
        async def driver(self): ...

A plugin's author needs a hub and messages, but no platform:

    plugins = [MyPlugin()]
    hub = SessionHub(tmp_path / "bot.db", plugins=plugins, load_entry_points=False, clock=Clock())
    recorded = await hub.record(Talk().said(ann, "hello"))

Where to look:
    Contract    what every adapter promises, as tests
    Driver      a platform for tests: its simulator, and bots that run on it
    Turn        what an author's handler receives in those tests
    Talk        makes accounts, chats and messages
    Clock       a clock that is set by hand
    EventLog    a plugin that logs the events it receives
"""

try:
    import pytest as _pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "session_plugin.testing needs pytest: pip install 'session-plugin[testing]'", name="pytest"
    ) from error

_pytest.register_assert_rewrite("session_plugin.testing.contract")

from session_plugin.testing.contract import Contract  # noqa: E402 - its assertions are rewritten from here on
from session_plugin.testing.driver import Driver, Handle, Turn  # noqa: E402
from session_plugin.testing.talk import Clock, EventLog, Talk  # noqa: E402

__all__ = ["Clock", "Contract", "Driver", "EventLog", "Handle", "Talk", "Turn"]
