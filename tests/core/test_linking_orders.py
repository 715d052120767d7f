"""Four accounts, linked and unlinked in every order: in the end each has exactly what it had, under
its own id.
"""

import itertools

import pytest

from session_plugin.database.opening import open_engine
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.records.conversation import recording, sessions
from session_plugin.records.conversation.histories import read_history
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import accounts, joining
from session_plugin.records.people.unlinking import unlink
from session_plugin.rules.policies import Policies

ACCOUNTS = tuple(Account("discord", name) for name in "abcd")
TREES = [
    edges
    for edges in itertools.combinations(itertools.combinations(range(4), 2), 3)
    if len({number for edge in edges for number in edge}) == 4
]
"""All ways to make one person of four accounts by three links."""


PARTINGS = [(*two, min(set(range(4)) - set(two))) for two in itertools.permutations(range(4), 2)]
"""Who leaves, in turn; of the last two it does not matter who leaves whom."""


class World:
    """The operations, in one transaction on a database in memory; a second goes by with each."""

    def __init__(self, tx, run):
        self.tx, self.run, self.ticks = tx, run, itertools.count(1)

    def operation_context(self):
        tick = next(self.ticks)
        return OperationContext(
            bot=f"bot {self.run}",
            now=1000.0 + tick,
            policies=Policies(max_age=86400.0),
            new_id=lambda: f"{self.run}-{tick:05}",
        )

    def account(self, number):
        return Account(f"discord {self.run}", ACCOUNTS[number].channel_user_id)

    def chat(self, number):
        return Chat("discord", f"{self.run} {number}")

    def say(self, number, text):
        event = MessageEvent(
            chat=self.chat(number),
            message_id=text,
            role="user",
            text=text,
            sent_at=0.0,
            author=self.account(number),
        )
        recording.record(
            self.tx, recording.Recording(context=self.operation_context(), event=event)
        )

    def link(self, one, other):
        joining.join_users(
            self.tx, self.operation_context(), self.user_id(one), self.user_id(other)
        )

    def unlink(self, number):
        unlink(self.tx, self.operation_context(), self.account(number))

    def where(self, number):
        return sessions.Where(
            context=self.operation_context(), chat=self.chat(number), account=self.account(number)
        )

    def live(self, number):
        return [
            message.content for message in read_history(self.tx, self.where(number), limit=None)
        ]

    def all(self, number):
        history = read_history(self.tx, self.where(number), limit=None, include_previous=True)
        return [message.content for message in history]

    def session_id(self, number):
        return sessions.read_live(self.tx, self.where(number)).session_id

    def user_id(self, number):
        return accounts.find_account(self.tx, self.account(number))["user_id"]


@pytest.fixture(scope="module")
def engine():
    engine = open_engine(":memory:")
    yield engine
    engine.close()


@pytest.fixture
def in_new_worlds(engine, request):
    """Play a scene once for each cast, each in a world of its own."""

    def play(scene, casts):
        def all_scenes(tx):
            for run, cast in enumerate(casts):
                scene(World(tx, f"{request.node.name} {run}"), *cast)

        engine.write(all_scenes).result()

    return play


def join(world, edges):
    """Link along the edges, leaving out what is linked already; give who is with whom."""
    people = {number: {number} for number in range(4)}
    for one, other in edges:
        if people[one] is not people[other]:
            world.link(one, other)
            for number in people[other]:
                people[number] = people[one]
                people[one].add(number)
    return people


def expected(people, number):
    return [f"{other} {when}" for when in ("before", "while") for other in sorted(people[number])]


def link_and_part(world, edges, leavers):
    for number in range(4):
        world.say(number, f"{number} before")
    own = [world.user_id(number) for number in range(4)]
    began = [world.session_id(number) for number in range(4)]
    people = join(world, edges)
    for number in range(4):
        world.say(number, f"{number} while")
    assert [world.live(number) for number in range(4)] == [
        expected(people, number) for number in range(4)
    ]
    for leaver in leavers:
        if len(people[leaver]) > 1:
            world.unlink(leaver)
            people[leaver].remove(leaver)
            people[leaver] = {leaver}
        for number in (leaver, (leaver + 1) % 4):
            assert world.live(number) == expected(people, number)
        assert [world.user_id(number) for number in range(4)] == [
            own[min(people[number])] for number in range(4)
        ]
    assert [world.live(number) for number in range(4)] == [
        expected(people, number) for number in range(4)
    ]
    assert [world.session_id(number) for number in range(4)] == began


@pytest.mark.parametrize("edges", TREES, ids=str)
def test_every_order_of_linking_and_parting_gives_each_its_own_back(in_new_worlds, edges):
    in_new_worlds(link_and_part, itertools.product(itertools.permutations(edges), PARTINGS))


def begin_while_linked(world, founder, leavers):
    for number in range(4):
        world.say(number, f"{number} before")
    join(world, [(0, 1), (1, 2), (2, 3)])
    sessions.start_new(world.tx, world.where(founder))
    for number in range(4):
        world.say(number, f"{number} while")
    for leaver in leavers:
        world.unlink(leaver)
    assert [world.live(number) for number in range(4)] == [
        [f"{number} while"] for number in range(4)
    ]


def test_what_began_while_linked_is_divided_by_who_said_it(in_new_worlds):
    in_new_worlds(
        begin_while_linked, itertools.product(range(4), itertools.permutations(range(4), 3))
    )


def begin_between_links(world, links, founder, writers, leavers):
    for number in range(3):
        world.say(number, f"{number} before")
    for number, (one, other) in enumerate(links):
        if number and founder is not None:
            sessions.start_new(world.tx, world.where(founder))
        for writer in writers if number else ():
            world.say(writer, f"{writer} between")
        world.link(one, other)
    for leaver in leavers:
        world.unlink(leaver)
    for number in range(3):
        said = [f"{number} before"] + [f"{number} between"] * (number in writers)
        assert world.all(number) == said


PAIRS = tuple(itertools.combinations(range(3), 2))


@pytest.mark.parametrize("links", [*itertools.permutations(PAIRS, 2)], ids=str)
def test_what_began_between_two_links_keeps_nobody_from_leaving_in_any_order(in_new_worlds, links):
    writers = [some for number in range(4) for some in itertools.combinations(range(3), number)]
    leavers = itertools.permutations(range(3), 2)
    casts = itertools.product([links], [None, 0, 1, 2], writers, leavers)
    in_new_worlds(begin_between_links, casts)
