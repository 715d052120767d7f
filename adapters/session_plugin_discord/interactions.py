"""Discord's interactions as our words: slash commands, menus, buttons. Pure functions; knows
nothing of hubs and bots.

What somebody gives a slash command is what they said, so it is a message. A button, a select, a
context menu or a form says nothing by itself: it is described in the metadata of what the bot
answers to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import discord

from session_plugin import Attachment, Chat, MessageEvent
from session_plugin_discord.translate import place_metadata, shown_name, to_account, to_chat

SUBCOMMAND, SUBCOMMAND_GROUP, USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT = 1, 2, 6, 7, 8, 9, 11
"""The kinds of a slash command's options that are not plainly text, a number or yes and no."""
MENTIONS = {USER: "<@{}>", CHANNEL: "<#{}>", ROLE: "<@&{}>"}
SLASH_COMMAND = 1
BUTTON = 2


def chat_of(interaction: discord.Interaction, *, bot_id: int) -> Chat:
    """Give the chat in which an interaction was used.

    An app that somebody installed for themselves may be used in their direct chats with others:
    those are no chats with the bot, so they count as groups.
    """
    chat = to_chat(interaction.channel, interaction.guild, bot_id=bot_id)
    if chat.kind == "direct" and interaction.context.private_channel:
        return Chat(chat.channel, chat.chat_id, "group", bot_id=chat.bot_id)
    return chat


def is_slash_command(interaction: discord.Interaction) -> bool:
    """Tell whether somebody gave a slash command, rather than using a menu or a button."""
    is_command = interaction.type is discord.InteractionType.application_command
    return is_command and _data(interaction).get("type", SLASH_COMMAND) == SLASH_COMMAND


def input_event(interaction: discord.Interaction, *, bot_id: int) -> MessageEvent:
    """Translate a slash command into what its user said: the command and its options, as they are
    typed.

    A file among the options is an attachment.
    """
    data = _data(interaction)
    resolved = data.get("resolved") or {}
    options = list(_leaves(data.get("options") or ()))
    words = [_command_name(data)]
    words += [
        f"{option['name']}:{_spelled(option, resolved)}" for option in options if "value" in option
    ]
    return MessageEvent(
        chat=chat_of(interaction, bot_id=bot_id),
        message_id=str(interaction.id),
        role="user",
        text="/" + " ".join(words),
        sent_at=interaction.created_at.timestamp(),
        author=to_account(interaction.user),
        author_name=shown_name(interaction.user),
        attachments=tuple(
            _file(option, resolved) for option in options if option["type"] == ATTACHMENT
        ),
        metadata=place_metadata(interaction.channel, interaction.guild)
        | {"interaction": described(interaction)},
    )


def described(interaction: discord.Interaction) -> dict[str, Any]:
    """Describe an interaction for metadata: what was used, by its name or custom id, and on
    what.
    """
    data = _data(interaction)
    found: dict[str, Any] = {"id": str(interaction.id)}
    match interaction.type:
        case discord.InteractionType.component:
            found |= {
                "kind": "button" if data["component_type"] == BUTTON else "select",
                "custom_id": data["custom_id"],
            }
            if data.get("values"):
                found["values"] = [str(value) for value in data["values"]]
        case discord.InteractionType.modal_submit:
            found |= {"kind": "form", "custom_id": data["custom_id"]}
        case _ if is_slash_command(interaction):
            found |= {"kind": "slash command", "name": _command_name(data)}
        case _:
            found |= {
                "kind": "context menu",
                "name": data["name"],
                "target_id": str(data.get("target_id", "")),
            }
    return found


def _data(interaction: discord.Interaction) -> Mapping[str, Any]:
    data: Any = interaction.data
    return data or {}


def _command_name(data: Mapping[str, Any]) -> str:
    names = [data["name"]]
    while (options := data.get("options")) and options[0]["type"] in (SUBCOMMAND, SUBCOMMAND_GROUP):
        data = options[0]
        names.append(data["name"])
    return " ".join(names)


def _leaves(options: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for option in options:
        if option["type"] in (SUBCOMMAND, SUBCOMMAND_GROUP):
            yield from _leaves(option.get("options") or ())
        else:
            yield option


def _spelled(option: Mapping[str, Any], resolved: Mapping[str, Any]) -> str:
    """Write an option's value as Discord's own texts do: people, roles and channels as mentions."""
    value, kind = option["value"], option["type"]
    if kind == ATTACHMENT:
        return _file(option, resolved).filename
    if kind == MENTIONABLE:
        kind = USER if str(value) in resolved.get("users", {}) else ROLE
    return MENTIONS.get(kind, "{}").format(value)


def _file(option: Mapping[str, Any], resolved: Mapping[str, Any]) -> Attachment:
    file = resolved["attachments"][str(option["value"])]
    content_type = file.get("content_type") or ""
    return Attachment(
        id=str(file["id"]),
        kind=(content_type or "file").partition("/")[0],
        filename=file["filename"],
        content_type=content_type,
        size=file.get("size"),
    )
