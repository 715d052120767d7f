"""ModelContext: a conversation for a model, and the forms that it can be given in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from session_plugin.context.entries import Transcript
from session_plugin.context.forms import AnthropicPrompt, ChatMessage, GeminiPrompt, ResponsesItem
from session_plugin.context.marks import Background
from session_plugin.context.media import FetchedMedia
from session_plugin.context.rendering.anthropic import anthropic_prompt
from session_plugin.context.rendering.gemini import gemini_prompt
from session_plugin.context.rendering.openai import Dialect, chat_messages
from session_plugin.context.rendering.pydantic_ai import pydantic_ai_messages
from session_plugin.context.rendering.responses import response_items
from session_plugin.context.steps import Entry
from session_plugin.model import SessionMessage, Summary

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContext:
    """A conversation for a model: instructions, a summary, and the newest messages.

    The summary was made from what people wrote, so it is data: give it to a model as part of the
    conversation, never as a system message. The `as_...` methods do so. They also put each result
    of a tool after its call, leave out calls without a result, and give a model's reasoning back
    to the provider and family of models that it came from only: `model` says which model is asked;
    without it, that is the family of the newest reasoning.

    Attributes:
        summary: The summary of earlier messages; None if there is none, or if it does not fit.
        messages: What the bot's author said as system or developer, then the newest messages,
            oldest first. The summary belongs between them.
        tokens: The number of tokens in the form given to a model; None if no budget was set.
        is_cut: Whether the newest message alone exceeds the budget. Its end is then replaced by
            a mark.
        background: What messages refer to and do not contain, such as those they reply to.
        media: Files that were fetched, by the id of their attachment. A provider is given those
            that people sent and that it takes; the others are named by their kind.
        times: Whether headings say when something was said.

    Example:
        await hub.record(event)
        conversation = await session.for_model(max_messages=40)
        prompt = [{"role": said.role, "content": said.content} for said in conversation.messages]
    """

    summary: Summary | None
    messages: tuple[SessionMessage, ...]
    tokens: int | None = None
    is_cut: bool = False
    background: Background = field(default_factory=Background)
    media: Mapping[str, FetchedMedia] = field(default_factory=dict)
    times: bool = False

    def as_openai(
        self,
        *,
        dialect: Dialect = "openai",
        names: bool | None = None,
        alternate: bool | None = None,
        times: bool | None = None,
        model: str = "",
    ) -> list[ChatMessage]:
        """Return `messages` for chat completions of the `openai` package or a compatible API.

        In a group, each person's messages are quoted below the person's name, and the entry has a
        `name` that the API accepts.

        Args:
            dialect: What the server takes. `strict` is for servers whose chat templates demand one
                system message, then people and the bot in turn, a person first and last, and know
                no `name`. `mistral` is that with ids of calls as Mistral has them.
            names: Whether entries have a `name`; None for what the dialect takes.
            alternate: Whether messages of one role after another become one; None for what the
                dialect takes.
            times: Whether headings say when something was said; None for what `for_model` was
                asked for. Only what `for_model` was asked for counts in its budget.
            model: The model that is asked.
        """
        is_strict = dialect != "openai"
        return chat_messages(
            self._entries(times),
            dialect=dialect,
            names=not is_strict if names is None else names,
            alternate=is_strict if alternate is None else alternate,
            model=model,
        )

    def as_responses(self, *, times: bool | None = None, model: str = "") -> list[ResponsesItem]:
        """Return `input` for `responses.create` of the `openai` package."""
        return response_items(self._entries(times), model=model)

    def as_anthropic(self, *, times: bool | None = None, model: str = "") -> AnthropicPrompt:
        """Return arguments for `messages.create` of the `anthropic` package.

        Call `create(model=..., max_tokens=..., **context.as_anthropic())`. `system` holds what the
        bot's author added as system or developer, and is absent if there is nothing. Consecutive
        messages of the same role become one message with several blocks.
        """
        return anthropic_prompt(self._entries(times), model=model)

    def as_gemini(self, *, times: bool | None = None, model: str = "") -> GeminiPrompt:
        """Return what `models.generate_content` of the `google-genai` package takes.

        `contents` is its argument of that name; `system_instruction` belongs into its `config`, and
        is absent if there is nothing. Signatures and files are bytes, as that package has them.
        """
        return gemini_prompt(self._entries(times), model=model)

    def as_pydantic_ai(
        self, *, times: bool | None = None, provider: str = "", model: str = ""
    ) -> list[ModelMessage]:
        """Return `message_history` for an agent of pydantic-ai, as its own objects.

        Args:
            times: As for `as_openai`.
            provider: Whose reasoning is included, as `ReasoningPart` names it; empty for that of
                the newest. pydantic-ai would give the reasoning of others to a model as text.
            model: The model that is asked.

        Raises:
            ImportError: pydantic-ai is not installed.
        """
        return pydantic_ai_messages(self._entries(times), provider=provider, model=model)

    def _entries(self, times: bool | None) -> list[Entry]:
        return transcript_of(self, times=times).entries()


def transcript_of(context: ModelContext, *, times: bool | None = None) -> Transcript:
    """Return what a context says, before it has any provider's form."""
    return Transcript(
        context.summary,
        context.messages,
        context.background,
        media=context.media,
        times=context.times if times is None else times,
    )
