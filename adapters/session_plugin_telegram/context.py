"""The `context` of handlers: its type, and where `context.session` comes from.

Knows no hub: a function that returns the session of an update is passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telegram.ext import Application, CallbackContext, ContextTypes, ExtBot

from session_plugin import SessionView
from session_plugin_telegram.answering import note_error

AnyApplication = Application[Any, Any, Any, Any, Any, Any]
AnyContext = CallbackContext[Any, Any, Any, Any]


class SessionContext(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """A CallbackContext with `.session`, for annotations.

    `install` sets the session on any context class. To have types checked in every handler, build
    the application with `ApplicationBuilder().context_types(ContextTypes(SessionContext))`, or with
    a class of yours derived from this one.

    Example:
        async def answer(update: telegram.Update, context: SessionContext) -> None:
            conversation = await context.session.for_model(max_messages=40)
            await update.message.reply_text(f"{len(conversation.messages)} messages so far")

        application.add_handler(telegram.ext.MessageHandler(telegram.ext.filters.TEXT, answer))
    """

    session: SessionView = None  # type: ignore[assignment]  # None without a session, as in jobs
    """The session of the chat that is being answered."""


def add_sessions(
    application: AnyApplication, session_of: Callable[[object], SessionView | None]
) -> None:
    """Create every context of an application with its session.

    python-telegram-bot creates a context before the first handler of any group sees an update, and
    a second one for the error handlers. Contexts are of a class derived from the author's.

    Args:
        application: The application; its `context_types` is replaced.
        session_of: Returns the session of an update. It is called with None for a job.

    Raises:
        TypeError: the author's context class has an attribute `session`.
    """
    types = application.context_types
    authors: Any = types.context
    if getattr(authors, "session", None) is not None:
        raise TypeError(
            f"{authors.__name__} has an attribute `session` already: rename it, because "
            "context.session is set to the session of the chat"
        )

    class Context(authors):  # type: ignore[misc]  # the base class is known at run time only
        session: SessionView | None = None

        @classmethod
        def from_update(cls, update: object, application: Any) -> Any:
            context = super().from_update(update, application)
            context.session = session_of(update)
            return context

        @classmethod
        def from_error(cls, update: object, error: Exception, *others: Any, **more: Any) -> Any:
            context = super().from_error(update, error, *others, **more)
            note_error(error)
            return context

        @classmethod
        def from_job(cls, job: Any, application: Any) -> Any:
            context = super().from_job(job, application)
            context.session = session_of(None)
            return context

    Context.__name__, Context.__qualname__ = authors.__name__, authors.__qualname__

    application.context_types = ContextTypes(
        context=Context,
        bot_data=types.bot_data,
        chat_data=types.chat_data,
        user_data=types.user_data,
    )
