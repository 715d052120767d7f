"""The hub without a platform: two linked accounts of one person share one history."""

import asyncio
import tempfile
import time
from pathlib import Path

from session_plugin import Account, Chat, MessageEvent, SessionHub

ANN_ON_DISCORD, ANN_ON_TELEGRAM = Account("discord", "1001"), Account("telegram", "2002")
ON_DISCORD, ON_TELEGRAM = Chat("discord", "77"), Chat("telegram", "2002")


def build(database: str | Path) -> SessionHub:
    return SessionHub(database, max_age_hours=24)


async def main() -> None:
    async with build(Path(tempfile.mkdtemp()) / "quickstart.db") as hub:
        said = MessageEvent(
            chat=ON_DISCORD,
            message_id="1",
            role="user",
            text="My cat is called Tom.",
            sent_at=time.time(),
            author=ANN_ON_DISCORD,
        )

        recorded = await hub.record(said)
        await recorded.session.add("assistant", "Nice to meet Tom.")

        code = await hub.request_link(ANN_ON_DISCORD)  # request on one account,
        await hub.redeem_link(ANN_ON_TELEGRAM, code.code)  # enter on the other,
        for account in (ANN_ON_TELEGRAM, ANN_ON_DISCORD):  # confirm on both
            await hub.confirm_link(account)

        for message in await hub.session_of(ON_TELEGRAM, ANN_ON_TELEGRAM).history():
            print(f"{message.channel}, {message.role}: {message.content}")


if __name__ == "__main__":
    asyncio.run(main())
