"""Storms on Slack, end to end: whatever is repeated, reordered, cut, limited or lost, each question is answered once."""

import asyncio
import itertools
import math
import random
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from bots.slack.client import LONGEST, UNNAMED
from bots.slack.socket_mode import ReconnectPolicy
from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.server import SlackFake
from tests.support.short_form import shorten
from tests.support.slack_house import at_home, living
from tests.support.socket_mode import Told, listening
from tests.support.waiting import until

STORMY = ReconnectPolicy(ping=0.1, emit=0.01, lost=0.05, connect=0.2, again=0.005)
SECOND = 1 / 20  # of a test, for each of Slack's


def counted(home, roots: list[str], channel: str = "dev") -> list[int]:
    return [len(home.ours(channel, root)) for root in roots]


def deliveries(home, root: str) -> list[str]:
    """The envelopes that tell of a message."""
    return [key for key, sent in home.slack.outbox.sent.items() if sent.payload["event"].get("ts") == root]


async def test_retries_and_duplicates_in_every_order_are_answered_once():
    async with at_home() as home:
        roots = []
        for order in itertools.permutations(range(4)):
            home.slack.outbox.hold()
            root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
            roots.append(root)
            home.slack.outbox.release(backwards=order[0] > 1)
            told = deliveries(home, root) * 2
            for index in order:
                home.slack.outbox.again(told[index])
        await home.rest()
        for key in list(home.slack.outbox.sent):
            home.slack.outbox.again(key)
        await home.rest()

        assert counted(home, roots) == [1] * 24
        assert len(home.asked) == 24


@pytest.mark.parametrize("seed", range(3))
async def test_threads_whose_events_are_shuffled_and_repeated_lose_and_double_nothing(seed):
    dice = random.Random(seed)
    async with at_home() as home:
        roots = [await home.slack.say("ada", "dev", f"<@U0BOT> {number}") for number in range(4)]
        await home.rest()
        home.slack.outbox.hold()
        said = [await home.slack.say("bob", "dev", f"<@U0BOT> more {root}", root) for root in roots * 3]
        held = [key for ts in said for key in deliveries(home, ts)]
        home.slack.outbox.release(backwards=bool(seed % 2))
        for key in dice.sample(held * 3, len(held) * 3):
            home.slack.outbox.again(key)
        await home.rest()

        told = str([prompt["messages"] for prompt in home.asked])
        assert all(f"more {root}" in told for root in roots)
        marks = [one.metadata["event_payload"]["question"] for root in roots for one in home.ours("dev", root)]
        assert len(marks) == len(set(marks)) == len(home.asked)


@pytest.mark.parametrize("lost", [False, True], ids=["kept for us", "lost, so looked for"])
@pytest.mark.parametrize("how", ["disconnect", "cut"])
async def test_with_a_connection_that_breaks_again_and_again_nothing_is_lost_or_doubled(how, lost):
    async with at_home(retry_policy=STORMY) as home:
        roots = []
        for number in range(5):
            home.slack.outbox.dropping = lost
            before = home.slack.sockets.connections
            home.slack.sockets.disconnect("warning") if how == "disconnect" else home.slack.sockets.cut()
            roots.append(await home.slack.say("ada", "dev", f"<@U0BOT> in gap {number}"))
            await home.slack.connected(before + 1)
            home.slack.outbox.dropping = False
            roots.append(await home.slack.say("ada", "dev", f"<@U0BOT> after gap {number}"))
        await until(lambda: all(counted(home, roots)))
        await home.rest()

        assert counted(home, roots) == [1] * 10


async def test_with_two_processes_on_one_database_each_event_is_answered_once(tmp_path):
    async with SlackFake() as slack, ClaudeFake() as claude:
        store = await open_store(f"sqlite:///{tmp_path}/confab.db")
        one = living(slack, claude, store, rules={"process": "p1"})
        two = living(slack, claude, store, rules={"process": "p2"})
        async with one as home, two:
            roots = [await slack.say("ada", "dev", f"<@U0BOT> {number}") for number in range(10)]
            await home.rest()
            for root in roots:
                await slack.say("bob", "dev", "and?", root)
            await home.rest()

            assert len(slack.sockets.links) == 2
            assert counted(home, roots) == [2] * 10
        await store.shut()


METHODS = [
    "apps.connections.open",
    "assistant.threads.setStatus",
    "auth.test",
    "chat.postMessage",
    "chat.update",
    "conversations.history",
    "conversations.replies",
    "users.conversations",
    "users.info",
]
TROUBLES = {
    "429": Fault(429, retry_after=0.05),
    "503": Fault(status=503),
    "no answer": Fault(hangs=True),
    "answer lost": Fault(lost=True),
}


@asynccontextmanager
async def troubled(method: str, fault: Fault):
    """A house whose calls of `method` meet the fault twice each time that something new happens."""
    async with SlackFake() as slack, ClaudeFake() as claude:
        slack.fail_next(method, fault, 2)
        async with living(slack, claude, seconds=0.2, retry_policy=STORMY) as home:
            yield home


@pytest.mark.parametrize(("method", "trouble"), shorten(3, METHODS, TROUBLES))
async def test_trouble_with_any_method_we_use_loses_and_doubles_no_answer(method, trouble):
    async with troubled(method, TROUBLES[trouble]) as home:
        home.claude.script(Answer(text="word " * 2000, chunk=4000), Answer(text="short"))
        root = await home.slack.say("bob", "dev", "<@U0BOT> write a lot")
        await home.slack.say("bob", "dev", "<@U0BOT> !persona show", root)
        await until(lambda: len(home.asked) == 1)
        await home.rest()
        home.slack.fail_next(method, TROUBLES[trouble], 2)
        await home.slack.say("ada", "dev", "and?", root)
        await until(lambda: "short" in home.texts("dev", root))
        await home.rest()
        marks = [tuple(one.metadata["event_payload"].values()) for one in home.ours("dev", root)]

    assert len(marks) == len(set(marks))
    assert sum(text.count("word") for text in home.texts("dev", root)) == 2000
    assert home.texts("dev", root)[-1] == "short"


async def test_a_connection_that_is_silently_dead_is_made_anew_within_a_minute():
    usual = ReconnectPolicy()
    scaled = ReconnectPolicy(*(getattr(usual, name) * SECOND for name in usual.__slots__))
    took = []
    async with SlackFake() as slack, listening(slack, told := Told(), retry_policy=scaled):
        await slack.connected()
        await until(lambda: told[:1] == ["gap"])
        await asyncio.sleep(15 * SECOND)
        while len(took) < 3 and min(took, default=60) >= 60:  # a busy machine may be late once
            before, began = slack.sockets.connections, monotonic()
            slack.sockets.silence()
            await slack.connected(before + 1)
            took.append((monotonic() - began) / SECOND)

    assert min(took) < 60


@pytest.mark.parametrize("seconds", [1e9, math.inf, math.nan, 0.0, -5.0])
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "conversations.replies", "users.info"])
async def test_however_odd_the_pause_is_that_slack_names_it_is_neither_endless_nor_none(method, seconds):
    pauses: list[float] = []

    async def pause(asked: float) -> None:
        pauses.append(asked)
        await asyncio.sleep(0)

    async with SlackFake() as slack, ClaudeFake() as claude, living(slack, claude, sleep=pause) as home:
        slack.fail_next(method, Fault(429, retry_after=seconds), 3)
        grows = method == "chat.update"
        claude.script(Answer(text="word " * 100, chunk=50 if grows else 500, delay=0.001))
        root = await slack.say("bob", "dev", "Good morning")
        await slack.say("ada", "dev", "<@U0BOT> hello", root)
        await until(lambda: home.texts("dev", root) and home.texts("dev", root)[-1].count("word") == 100)
        await home.rest()

    assert (LONGEST if seconds > LONGEST else UNNAMED) in pauses
    assert max(pauses) <= LONGEST
    assert 0.0 not in pauses
