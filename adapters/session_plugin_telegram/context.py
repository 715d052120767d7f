"""The type of `context` in a handler, with the session that it answers in."""

from __future__ import annotations

from typing import Any

from telegram.ext import CallbackContext, ExtBot

from session_plugin import SessionView


class SessionContext(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """A CallbackContext with `.session`, for annotations; `install` sets it on whatever context class you use.

    To have it checked from end to end, build with it: `ApplicationBuilder().context_types(ContextTypes(SessionContext))`.
    A context of your own derives from this one.
    """

    session: SessionView = None  # type: ignore[assignment]  # None where nobody can own one: a channel post, a job
    """The session of the chat that is being answered."""
