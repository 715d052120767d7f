"""The response to REQUEST_GUILD_MEMBERS: the requested members, in chunks.

Knows the documented fields and limits of the request. Must not know sockets or sessions.
"""

from __future__ import annotations

from .entities import Json
from .payloads import Payloads

PER_CHUNK = 1000
PER_QUERY = 100


def member_chunks(payloads: Payloads, request: Json, *, has_intent: bool) -> list[Json]:
    """Return the payloads of the GUILD_MEMBERS_CHUNK events.

    Returns no chunk for an unknown guild, or for all members without the members intent:
    Discord's behaviour is not documented for these.
    """
    guild_id = request.get("guild_id")
    if isinstance(guild_id, list) and guild_id:
        guild_id = guild_id[0]

    guild = payloads.world.guilds.get(_snowflake(guild_id))

    user_ids, query = request.get("user_ids"), str(request.get("query") or "")
    limit = _snowflake(request.get("limit"))
    if guild is None or not (has_intent or query or user_ids):
        return []

    members = payloads.members(guild)
    more: Json = {"guild_id": str(guild.id)} | _nonce(request)

    if user_ids:
        asked = user_ids if isinstance(user_ids, list) else [user_ids]
        wanted = [str(user_id) for user_id in asked][:PER_QUERY]
        members = [member for member in members if member["user"]["id"] in wanted]
        present = {member["user"]["id"] for member in members}
        more["not_found"] = [user_id for user_id in wanted if user_id not in present]
    elif query:
        members = [member for member in members if _is_called(member, query)]
        members = members[: min(limit or PER_QUERY, PER_QUERY)]
    elif limit:
        members = members[:limit]

    chunks = [members[at : at + PER_CHUNK] for at in range(0, len(members), PER_CHUNK)] or [[]]

    return [
        {"members": chunk, "chunk_index": index, "chunk_count": len(chunks)} | more
        for index, chunk in enumerate(chunks)
    ]


def _nonce(request: Json) -> Json:
    # Documented: a nonce of more than 32 bytes is ignored.
    nonce = request.get("nonce")
    return (
        {"nonce": nonce}
        if isinstance(nonce, str) and len(nonce.encode(errors="replace")) <= 32
        else {}
    )


def _snowflake(value: object) -> int:
    return (
        int(value)
        if isinstance(value, int) or (isinstance(value, str) and value.isdecimal())
        else 0
    )


def _is_called(member: Json, prefix: str) -> bool:
    # The documentation names the username only; in practice the other names count, too.
    names = (member["user"]["username"], member["user"]["global_name"], member["nick"])
    return any(name is not None and name.lower().startswith(prefix.lower()) for name in names)
