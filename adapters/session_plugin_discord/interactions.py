"""Discord's interactions in the core's terms: slash commands, menus, buttons, forms.

Pure functions; they know no hub and no bot. The input of a slash command becomes a message from the
user. A button, a select, a context menu or a form says nothing by itself: it becomes metadata of
the bot's answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import discord

from session_plugin import Attachment, Chat, MessageEvent
from session_plugin_discord.translate import (
    kind_of,
    place_metadata,
    shown_name,
    to_account,
    to_chat,
)

SUBCOMMAND, SUBCOMMAND_GROUP, USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT = 1, 2, 6, 7, 8, 9, 11
"""Option types of slash commands; the remaining ones are text, numbers and booleans."""
MENTIONS = {USER: "<@{}>", CHANNEL: "<#{}>", ROLE: "<@&{}>"}
SLASH_COMMAND = 1
"""The type of an application command that is not a context menu."""
BUTTON = 2
"""The type of a component that is not a select."""


def interaction_chat(interaction: discord.Interaction, *, bot_id: int) -> Chat:
    """Return the chat in which an interaction was used.

    A user-installed app can be used in a direct chat between two people. That is not a chat with
    the bot, so it counts as a group.
    """
    chat = to_chat(interaction.channel, interaction.guild, bot_id=bot_id)
    if chat.kind == "direct" and interaction.context.private_channel:
        return Chat(chat.channel, chat.chat_id, "group", bot_id=chat.bot_id)

    return chat


def is_slash_command(interaction: discord.Interaction) -> bool:
    """Check whether an interaction is a slash command, not a menu, button or form."""
    is_command = interaction.type is discord.InteractionType.application_command
    return is_command and _data(interaction).get("type", SLASH_COMMAND) == SLASH_COMMAND


def to_input_event(interaction: discord.Interaction, *, bot_id: int) -> MessageEvent:
    """Return a slash command's input as a message from its user.

    The text is the command and its options as typed, `/remind text:tea`; a file among the options
    is an attachment.
    """
    data = _data(interaction)
    resolved = data.get("resolved") or {}
    options = list(_leaves(data.get("options") or ()))
    typed = [
        f"{option['name']}:{_as_typed(option, resolved)}" for option in options if "value" in option
    ]
    place = place_metadata(interaction.channel, interaction.guild)

    return MessageEvent(
        chat=interaction_chat(interaction, bot_id=bot_id),
        message_id=str(interaction.id),
        role="user",
        text="/" + " ".join([_command_name(data), *typed]),
        sent_at=interaction.created_at.timestamp(),
        author=to_account(interaction.user),
        author_name=shown_name(interaction.user),
        attachments=tuple(
            _file(option, resolved) for option in options if option["type"] == ATTACHMENT
        ),
        metadata=place | {"interaction": describe(interaction)} | _mentions(options, resolved),
    )


def describe(interaction: discord.Interaction) -> dict[str, Any]:
    """Return an interaction as metadata: its id and kind, its name or custom id, its target."""
    data = _data(interaction)
    found: dict[str, Any] = {"id": str(interaction.id)}

    match interaction.type:
        case discord.InteractionType.component:
            found["kind"] = "button" if data["component_type"] == BUTTON else "select"
            found["custom_id"] = data["custom_id"]
            if data.get("values"):
                found["values"] = [str(value) for value in data["values"]]
        case discord.InteractionType.modal_submit:
            found |= {"kind": "form", "custom_id": data["custom_id"]}
        case _ if is_slash_command(interaction):
            found |= {"kind": "slash command", "name": _command_name(data)}
        case _:
            found |= {"kind": "context menu", "name": data["name"]}
            found["target_id"] = str(data.get("target_id", ""))

    return found


def _data(interaction: discord.Interaction) -> Mapping[str, Any]:
    data: Any = interaction.data
    return data or {}


def _command_name(data: Mapping[str, Any]) -> str:
    """Return a command's name with those of its group and subcommand."""
    names = [data["name"]]
    while (options := data.get("options")) and options[0]["type"] in (SUBCOMMAND, SUBCOMMAND_GROUP):
        data = options[0]
        names.append(data["name"])

    return " ".join(names)


def _leaves(options: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the options that have values, inside subcommands too."""
    for option in options:
        if option["type"] in (SUBCOMMAND, SUBCOMMAND_GROUP):
            yield from _leaves(option.get("options") or ())
        else:
            yield option


def _as_typed(option: Mapping[str, Any], resolved: Mapping[str, Any]) -> str:
    """Return an option's value as in a message's text: users, roles and channels as mentions."""
    value, kind = option["value"], option["type"]
    if kind == ATTACHMENT:
        return _file(option, resolved).filename
    if kind == MENTIONABLE:
        kind = USER if str(value) in resolved.get("users", {}) else ROLE

    return MENTIONS.get(kind, "{}").format(value)


def _mentions(
    options: Iterable[Mapping[str, Any]], resolved: Mapping[str, Any]
) -> dict[str, list[dict[str, str]]]:
    """Return what options that are mentions stand for, as metadata like that of messages."""
    found: list[dict[str, str]] = []
    for option in options:
        number = str(option.get("value", ""))
        for kind, held in ((USER, "users"), (ROLE, "roles"), (CHANNEL, "channels")):
            thing = resolved.get(held, {}).get(number)
            if thing is None or option["type"] not in (kind, MENTIONABLE):
                continue
            name = thing.get("name") or thing.get("global_name") or thing.get("username") or ""
            is_person = kind == USER and not thing.get("bot")
            who = {"account": number} if is_person else {"name": name}
            found.append({"text": MENTIONS[kind].format(number), **who})

    return {"mentions": found} if found else {}


def _file(option: Mapping[str, Any], resolved: Mapping[str, Any]) -> Attachment:
    file = resolved["attachments"][str(option["value"])]
    content_type = file.get("content_type") or ""

    return Attachment(
        id=str(file["id"]),
        kind=kind_of(content_type),
        filename=file["filename"],
        content_type=content_type,
        size=file.get("size"),
    )
