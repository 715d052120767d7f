"""JSON of interactions: the event, the callback response, and the metadata of messages.

Must not know sessions, sockets or routes. Discord does not document which optional fields it
omits; the fields that clients read are present.
"""

from __future__ import annotations

from .entities import LOADING, Json, SimulatedInteraction, SimulatedMessage
from .interactions import COMMAND, COMPONENT, FORM, MESSAGE_MENU
from .payloads import ADMINISTRATOR, Payloads

UPLOAD_LIMIT = 10 * 1024 * 1024
"""The upload limit in the event, in bytes."""
IN_GUILD, IN_DIRECT_CHAT = 0, 1


class InteractionPayloads:
    """Builds interaction objects, and adds interaction metadata to `Payloads.message`."""

    def __init__(self, payloads: Payloads) -> None:
        """Use this builder for all other objects."""
        self._payloads = payloads
        payloads.interaction_of = self.of_message

    def event(self, interaction: SimulatedInteraction) -> Json:
        """Return the payload of INTERACTION_CREATE."""
        chat = interaction.chat
        payload: Json = {
            "id": str(interaction.id),
            "application_id": str(self._payloads.world.application_id),
            "type": interaction.kind,
            "token": interaction.token,
            "version": 1,
            "data": self._data(interaction),
            "channel_id": str(chat.id),
            "channel": self._payloads.channel(chat) | {"permissions": ADMINISTRATOR},
            "app_permissions": ADMINISTRATOR,
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": self._owners(interaction),
            "context": IN_DIRECT_CHAT if chat.guild is None else IN_GUILD,
            "attachment_size_limit": UPLOAD_LIMIT,
        }

        if interaction.message is not None:
            payload["message"] = self._payloads.message(
                interaction.message, has_intent=True, in_event=False
            )

        if chat.guild is None:
            return payload | {"user": self._payloads.user(interaction.user)}

        member = self._payloads.member(chat.guild, interaction.user) | {
            "permissions": ADMINISTRATOR
        }
        guild = {"id": str(chat.guild.id), "locale": "en-US", "features": []}

        return payload | {
            "guild_id": str(chat.guild.id),
            "guild": guild,
            "guild_locale": "en-US",
            "member": member,
        }

    def _owners(self, interaction: SimulatedInteraction) -> Json:
        """Return who installed the app: the guild, or the user where the bot is no member."""
        guild = interaction.chat.guild
        if guild is not None and not guild.has_bot:
            return {"1": str(interaction.user.id)}
        return {"0": "0" if guild is None else str(guild.id)}

    def _data(self, interaction: SimulatedInteraction) -> Json:
        data = dict(interaction.data)
        resolved = data.get("resolved")
        if not resolved:
            return data

        chat = interaction.chat
        shown: Json = {}

        for user_id, user in resolved.get("users", {}).items():
            shown.setdefault("users", {})[user_id] = self._payloads.user(user)
            if chat.guild is not None:
                member = self._payloads.member(chat.guild, user, with_user=False) | {
                    "permissions": ADMINISTRATOR
                }
                shown.setdefault("members", {})[user_id] = member

        for chat_id, channel_chat in resolved.get("channels", {}).items():
            channel = self._payloads.channel(channel_chat) | {"permissions": ADMINISTRATOR}
            shown.setdefault("channels", {})[chat_id] = channel

        for message_id, message in resolved.get("messages", {}).items():
            shown.setdefault("messages", {})[message_id] = self._payloads.message(
                message, has_intent=True, in_event=False
            )

        for file_id, file in resolved.get("attachments", {}).items():
            shown.setdefault("attachments", {})[file_id] = self._payloads.attachment(chat, file)

        return data | {"resolved": shown}

    def receipt(
        self, interaction: SimulatedInteraction, kind: int, message: SimulatedMessage | None
    ) -> Json:
        """Return the body of the callback response, for requests with `with_response`."""
        shown: Json = {"id": str(interaction.id), "type": interaction.kind}
        resource: Json = {"type": kind}

        if message is not None:
            shown |= {
                "response_message_id": str(message.id),
                "response_message_loading": bool(message.flags & LOADING),
                "response_message_ephemeral": message.is_ephemeral,
            }
            resource["message"] = self._payloads.message(message, has_intent=True, in_event=False)

        return {"interaction": shown, "resource": resource}

    def of_message(self, message: SimulatedMessage) -> Json:
        """Return the interaction fields of a message."""
        interaction: SimulatedInteraction | None = message.interaction
        if interaction is None:
            return {}

        world = self._payloads.world
        application_id = str(
            world.application_id if message.is_from_bot else world.account_of(message).id
        )
        metadata = self._metadata(interaction)
        if interaction.opened_by is not None:
            opened_by = self._metadata(interaction.opened_by)
            metadata["triggering_interaction_metadata"] = opened_by

        if (
            interaction.answers
            and interaction.answers[0] is not message
            and interaction.original is not None
        ):
            metadata["original_response_message_id"] = str(interaction.original.id)

        return {
            "webhook_id": application_id,
            "application_id": application_id,
            "interaction_metadata": metadata,
        }

    def _metadata(self, interaction: SimulatedInteraction) -> Json:
        metadata: Json = {
            "id": str(interaction.id),
            "type": interaction.kind,
            "user": self._payloads.user(interaction.user),
            "authorizing_integration_owners": self._owners(interaction),
        }
        return metadata | self._origin(interaction)

    def _origin(self, interaction: SimulatedInteraction) -> Json:
        data: Json = interaction.data
        match interaction.kind:
            case kind if kind == COMMAND and data["type"] == MESSAGE_MENU:
                return {"target_message_id": data["target_id"]}
            case kind if kind == COMMAND and "target_id" in data:
                return {
                    "target_user": self._payloads.user(data["resolved"]["users"][data["target_id"]])
                }
            case kind if kind in (COMPONENT, FORM) and interaction.message is not None:
                return {"interacted_message_id": str(interaction.message.id)}
            case _:
                return {}
