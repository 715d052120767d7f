"""google-adk: `DatabaseSessionService` over SQLAlchemy and aiosqlite."""

from google.adk.events import Event
from google.adk.sessions import DatabaseSessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai import types

_APP = "benchmark"


class GoogleAdk:
    """A session for each person, an event for each message."""

    settings = (
        "DatabaseSessionService, SQLite's defaults (rollback journal, FULL), lock timeout raised "
        "from 5 to 60 s"
    )

    async def open(self, where: str, users: int) -> None:
        """Create everybody's session."""
        self._service = DatabaseSessionService(
            f"sqlite+aiosqlite:///{where}", connect_args={"timeout": 60}
        )
        self._sessions = [
            await self._service.create_session(app_name=_APP, user_id=f"person-{n}")
            for n in range(users)
        ]

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Append an event."""
        author, content_role = ("benchmark", "model") if role == "assistant" else ("user", "user")
        content = types.Content(role=content_role, parts=[types.Part(text=text)])
        await self._service.append_event(
            self._sessions[user], Event(author=author, content=content)
        )

    async def last(self, user: int, n: int) -> list[str]:
        """Get the session with its newest events."""
        session = await self._service.get_session(
            app_name=_APP,
            user_id=f"person-{user}",
            session_id=self._sessions[user].id,
            config=GetSessionConfig(num_recent_events=n),
        )
        contents = [event.content for event in session.events] if session else []
        return [content.parts[0].text or "" for content in contents if content and content.parts]

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()
