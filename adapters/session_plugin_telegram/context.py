"""The `context` of an author's handlers: its type, and where its session comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telegram.ext import Application, CallbackContext, ContextTypes, ExtBot

from session_plugin import SessionView


class SessionContext(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """A CallbackContext with `.session`, for annotations; `install` sets it on whatever context
    class you use.

    To have it checked from end to end, build with it:
    `ApplicationBuilder().context_types(ContextTypes(SessionContext))`. A context of your own
    derives from this one.

    Example:
        async def answer(update: telegram.Update, context: SessionContext) -> None:
            conversation = await context.session.for_model(max_messages=40)
            await update.message.reply_text(f"{len(conversation.messages)} messages so far")

        application.add_handler(telegram.ext.MessageHandler(telegram.ext.filters.TEXT, answer))
    """

    session: SessionView = None  # type: ignore[assignment]  # None where there is none: a channel's post, a job
    """The session of the chat that is being answered."""


def give_sessions(
    application: Application[Any, Any, Any, Any, Any, Any],
    of: Callable[[object], SessionView | None],
) -> None:
    """Let each context of an application be made with its session, whatever class of context the
    author has chosen.

    A context is made before the first handler of any group looks at an update, and once more for
    the error handlers. The author's class stays in charge; it is only derived from.

    Args:
        application: Whose contexts.
        of: Gives the session of an update; it is called with None for a job, which answers nobody.

    Raises:
        TypeError: the author's class has something else called `session`.
    """
    types = application.context_types
    authors: Any = types.context
    if getattr(authors, "session", None) is not None:
        raise TypeError(
            f"{authors.__name__} has a `session` of its own: give it another name, "
            "context.session is the hub's"
        )

    class Context(authors):  # type: ignore[misc]  # known at run time only
        session: SessionView | None = None

        @classmethod
        def from_update(cls, update: object, application: Any) -> Any:
            context = super().from_update(update, application)
            context.session = of(update)
            return context

        @classmethod
        def from_job(cls, job: Any, application: Any) -> Any:
            context = super().from_job(job, application)
            context.session = of(None)
            return context

    Context.__name__, Context.__qualname__ = authors.__name__, authors.__qualname__
    application.context_types = ContextTypes(
        context=Context,
        bot_data=types.bot_data,
        chat_data=types.chat_data,
        user_data=types.user_data,
    )
