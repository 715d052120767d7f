"""Methods about the bot and its chats: getMe, getChat, commands, topics, files.

Must not know the messages of the bot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .calls import Call, Refusal, bad_request
from .files import FileStore
from .payloads import business_payload, chat_payload, file_payload, user_payload
from .world import SimulatedChat, World


def find_chat(call: Call, world: World, name: str = "chat_id") -> SimulatedChat:
    """Return the chat that a call names by id or `@username`."""
    wanted = call.text(name)
    if name == "chat_id" and call.text("business_connection_id"):
        return _business_chat(call, world)

    if wanted.startswith("@"):
        public = (chat for chat in world.chats.values() if chat.kind != "direct")
        chat = next((chat for chat in public if chat.username == wanted[1:]), None)
    else:
        number = call.integer(name)
        chat = None if number is None else world.chats.get(number)
        if number in world.moved:
            reason = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, reason, {"migrate_to_chat_id": world.moved[number].id})
        if chat is None and number in world.users:
            raise Refusal(403, "Forbidden: bot can't initiate conversation with a user")

    if chat is None:
        raise bad_request("chat_id is empty" if not wanted else "chat not found")

    return chat


def _business_chat(call: Call, world: World) -> SimulatedChat:
    business = world.businesses.get(call.text("business_connection_id"))
    customer = world.users.get(call.integer("chat_id") or 0)
    if business is None or customer is None:
        raise bad_request(
            "chat not found" if business is not None else "BUSINESS_CONNECTION_INVALID"
        )

    return SimulatedChat(
        customer.id, "business", customer.name, (customer, business.owner), business=business
    )


class Account:
    """Implements the methods that send no message."""

    def __init__(self, world: World, files: FileStore) -> None:
        """Use this world, and these files for downloads."""
        self._world = world
        self._files = files
        self._commands: dict[tuple[str, str], list[Any]] = {}
        self.open_queries: set[str] = set()

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the methods by their documented names."""
        return {
            "getMe": self._get_me,
            "getChat": self._get_chat,
            "getBusinessConnection": self._get_business_connection,
            "createForumTopic": self._create_forum_topic,
            "deleteForumTopic": self._delete_forum_topic,
            "getFile": self._get_file,
            "sendChatAction": self._send_chat_action,
            "answerCallbackQuery": self._answer_callback_query,
            "setMyCommands": self._set_my_commands,
            "getMyCommands": self._get_my_commands,
        }

    def _get_me(self, _call: Call) -> dict[str, Any]:
        return user_payload(self._world.bot) | {
            "can_join_groups": True,
            "can_read_all_group_messages": True,
            "supports_inline_queries": True,
            "can_connect_to_business": True,
            "has_main_web_app": False,
        }

    def _get_chat(self, call: Call) -> dict[str, Any]:
        gifts = (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        )
        return chat_payload(find_chat(call, self._world), self._world) | {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, False),
        }

    def _get_business_connection(self, call: Call) -> dict[str, Any]:
        business = self._world.businesses.get(call.text("business_connection_id"))
        if business is None:
            raise bad_request("BUSINESS_CONNECTION_INVALID")
        return business_payload(business, at=int(self._world.clock()))

    def _create_forum_topic(self, call: Call) -> dict[str, Any]:
        opening = self._world.new_topic(
            find_chat(call, self._world), call.text("name"), founder=self._world.bot
        )
        return {"message_thread_id": opening.id, "name": call.text("name"), "icon_color": 0x6FB9F0}

    def _delete_forum_topic(self, call: Call) -> bool:
        topic = self._world.topics.get(
            (find_chat(call, self._world).id, call.integer("message_thread_id") or 0)
        )
        if topic is None:
            raise bad_request("TOPIC_ID_INVALID")

        self._world.remove_topic(topic)
        return True

    def _get_file(self, call: Call) -> dict[str, Any]:
        file = self._files.by_id(call.text("file_id"))
        if file is None:
            raise bad_request("invalid file_id")
        return file_payload(file) | {"file_path": file.path}

    def _send_chat_action(self, call: Call) -> bool:
        find_chat(call, self._world)
        if not call.text("action"):
            raise bad_request("wrong parameter action in request")
        return True

    def _answer_callback_query(self, call: Call) -> bool:
        query = call.text("callback_query_id")
        if query not in self.open_queries:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )

        self.open_queries.remove(query)
        return True

    def _set_my_commands(self, call: Call) -> bool:
        commands = call.sequence("commands")
        if commands is None:
            raise bad_request("parameter commands is required")
        self._commands[_audience(call)] = commands
        return True

    def _get_my_commands(self, call: Call) -> list[Any]:
        return self._commands.get(_audience(call), [])


def _audience(call: Call) -> tuple[str, str]:
    scope = call.mapping("scope") or {"type": "default"}
    return json.dumps(scope, sort_keys=True), call.text("language_code")
