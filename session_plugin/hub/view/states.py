"""What the bot's author notes down about a session or a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from session_plugin.errors import SessionError, UnknownSession
from session_plugin.hub.view.reader import Reader
from session_plugin.records.conversation import states
from session_plugin.rules.states import Change, changed

MOST_TRIES = 100
"""Changes of a state that others may make before one of ours, one after another."""


class States(Reader):
    """Read and change small JSON of the author's own."""

    async def state(self) -> dict[str, Any]:
        """Return what your code noted down about the live session: a small JSON object, gone with
        the session.

        The next session begins with none; while a session is joined into another, that one's
        counts.
        """
        return await self._state(states.of_session)

    async def set_state(self, change: Change | None = None, /, **values: Any) -> dict[str, Any]:
        """Change what is noted down about the live session; give it as it is now.

            await session.set_state(step="address")                              # other keys stay;
            None removes a key await session.set_state(lambda state: {"count": state.get("count", 0)
            + 1})

        Safe when two handlers do it: each key is set by itself, and a function is called again with
        what the other one made of it, so it has no other effects.

        Raises:
            UnknownSession: nothing has been said here yet, so there is no session.
            TypeError: there is something in it that JSON has no word for.
            ValueError: it is more than 65,536 characters of JSON.
        """
        return await self._set_state(states.of_session, change, values)

    async def user_state(self) -> dict[str, Any]:
        """Return what your code noted down about the person whose view this is, over all their
        channels and sessions.

        It is kept with the `user_id`: linked accounts share the one of the id that stays, and on
        unlinking an id has its own again.
        """
        return await self._state(states.of_user)

    async def set_user_state(
        self, change: Change | None = None, /, **values: Any
    ) -> dict[str, Any]:
        """Change what is noted down about this person, as `set_state` does.

        Raises:
            UnknownSession: this is nobody known.
            TypeError: there is something in it that JSON has no word for.
            ValueError: it is more than 65,536 characters of JSON.
        """
        return await self._set_state(states.of_user, change, values)

    async def _state(self, find: states.Find) -> dict[str, Any]:
        state = await self._read(find, await self._where())
        return {} if state is None else state.values

    async def _set_state(
        self, find: states.Find, change: Change | None, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        for _ in range(MOST_TRIES):
            state = await self._read(find, await self._where())
            if state is None:
                raise UnknownSession(
                    "nobody known has said anything here yet, so there is nothing to keep a "
                    "state with"
                )

            new = replace(state, values=changed(state.values, change, values))
            if await self._parts.database.write(states.put, new):
                return new.values

        raise SessionError(
            f"a state was changed by others {MOST_TRIES} times in a row; change it less often, "
            "or in one place"
        )
