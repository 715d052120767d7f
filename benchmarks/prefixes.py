"""Measure which part of a request a provider has in its cache when the next one comes.

    python benchmarks/prefixes.py

A conversation has 80 turns, each with a question of 3 to 25 words and an answer of as many: of one
person, on two channels, in a group of five. Prints for each limit which share of a request the next
one begins with, as the lowest mean of three conversations, and how many messages it has at most.
"""

import argparse
import asyncio
import json
import random
import statistics
from itertools import pairwise
from typing import Any

from session_plugin import SessionHub
from session_plugin.testing import Talk

WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "it",
    "rains",
)
PEOPLE = ("Ann", "Bob", "Ann", "Cid", "Dee")
KINDS = ("alone", "two channels", "group")
LIMITS = [
    *({"max_messages": most} for most in (10, 20, 40)),
    *({"max_tokens": most} for most in (300, 600, 800, 1000, 1200, 1500, 2000, 4000)),
    {},
]


async def talk_to(hub: SessionHub, kind: str, seed: int) -> dict[str, tuple[float, int]]:
    """Return for each limit the mean share that is unchanged, and the most messages shown."""
    chosen, talk = random.Random(seed), Talk()
    ann, too, room = talk.account("ann"), talk.account("ann", channel="telegram"), talk.group()
    people = [talk.account(f"p{number}") for number in range(5)]
    if kind == "two channels":
        await _link(hub, talk, ann, too)

    requests: dict[str, list[str]] = {json.dumps(limit): [] for limit in LIMITS}
    most = dict.fromkeys(requests, 0)
    for turn in range(80):
        text, answer = (" ".join(chosen.choices(WORDS, k=chosen.randint(3, 25))) for _ in "12")
        if kind == "group":
            author, name = people[turn % 5], PEOPLE[turn % 5]
            event = talk.said(room, text, author=author, author_name=name)
            answered = talk.answered(room, answer, answers=author)
        else:
            who = too if kind == "two channels" and turn % 3 == 0 else ann
            event, answered = talk.said(who, text), talk.answered(who, answer)

        view = (await hub.record(event)).session
        for limit in LIMITS:
            context = await view.for_model(**limit)
            requests[json.dumps(limit)].append(json.dumps(context.as_openai()))
            most[json.dumps(limit)] = max(most[json.dumps(limit)], len(context.messages))
        await hub.record(answered)
        await hub.settle()

    return {
        limit: (statistics.mean(_kept(*pair) for pair in pairwise(found)), most[limit])
        for limit, found in requests.items()
    }


async def _link(hub: SessionHub, talk: Talk, one: Any, other: Any) -> None:
    for account in (one, other):
        await hub.record(talk.said(account, "hello"))
    preview = await hub.redeem_link(other, (await hub.request_link(one)).code)
    await hub.confirm_link(other, shown=preview)
    await hub.confirm_link(one, shown=preview)


def _kept(request: str, following: str) -> float:
    equal = (a == b for a, b in zip(request, following, strict=False))
    return next((n for n, same in enumerate(equal) if not same), len(request)) / len(request)


async def main(threshold: int) -> None:
    """Print a row for each kind of conversation and limit."""
    for kind in KINDS:
        found = []
        for seed in (7, 8, 9):
            hub = SessionHub(":memory:", load_entry_points=False, consolidation_threshold=threshold)
            async with hub:
                found.append(await talk_to(hub, kind, seed))
        for limit in found[0]:
            shares = [one[limit][0] for one in found]
            messages = max(one[limit][1] for one in found)
            print(f"{kind:13} {limit:21} {min(shares):.2f}  up to {messages} messages")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threshold", type=int, default=100, help="consolidation_threshold")
    asyncio.run(main(parser.parse_args().threshold))
