"""A measured process: runs one contender by JSON commands, one a line. Started by `process.py`.

    {"do": "open", "where": "a file", "users": 100}
    {"do": "write", "tasks": 100, "seconds": 1.0}
    {"do": "close"}

Each command gets one line in return: the figures, or `{"error": ...}`. The process ends with its
input. What libraries print goes to stderr.
"""

import asyncio
import json
import logging
import sys
from typing import Any

from contenders import Contender, make
from loads import LOADS

UNAVAILABLE = "unavailable"


async def serve(name: str) -> None:
    """Carry out commands until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    logging.basicConfig(level=logging.ERROR)
    loop = asyncio.get_running_loop()
    contender: Contender | None = None

    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            contender = contender or make(name)
            answer = await _obey(contender, json.loads(line))
        except ImportError as error:
            answer = {UNAVAILABLE: str(error)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}

        print(json.dumps(answer), file=answers, flush=True)


async def _obey(contender: Contender, command: dict[str, Any]) -> dict[str, Any]:
    verb = command.pop("do")
    if verb == "open":
        await contender.open(**command)
        return {"settings": contender.settings}

    if verb == "close":
        await contender.close()
        return {}
    return dict(await LOADS[verb](contender, **command))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
