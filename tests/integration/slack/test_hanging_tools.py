"""Many questions at a server of MCP that never answers, in Slack at its tiers, beside as many that use no tool.

Tests core.tools.mcp.places, core.tools.mcp.session, core.worker.fair_semaphore. Slack's minute is shorter here, and so are
all pauses of ours. QUESTIONS chooses how many are asked.
"""

import asyncio
import os
import resource
import statistics
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from bots.slack.throttle import PAUSE
from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.fakes.mcp.server import McpFake
from tests.fakes.slack.nouns import BOT, Channel
from tests.fakes.slack.text import displayed
from tests.support.loop_watch import settle_heap
from tests.support.mcp_tools import offering, over_http
from tests.support.slack_house import House, living
from tests.support.stalls import measure_stalls
from tests.support.tool_shed import call, use
from tests.support.waiting import PATIENCE, until

QUESTIONS = int(os.environ.get("QUESTIONS", "300"))
EACH = QUESTIONS // 2  # that hang, and as many that use no tool
FASTER = 10  # than Slack's minute
CHANNELS, PEOPLE = 10, ("ada", "bob", "cy", "dee")
HELD, CALLS = 48, 24  # questions and calls that one server holds of one workspace
GROWN = 100  # MB that all this may take, with the fakes
LIMIT = 4.0  # seconds of a call that is ended
LONG = 20 * PATIENCE  # seconds; a busy machine needs many times as long as an idle one
SAID = "I could not look: "
SLOW = "The server tickets gave no answer in time."
BUSY = "The server tickets has not answered earlier calls of this workspace yet"

settled = pytest.fixture(settle_heap)


@dataclass(frozen=True, slots=True)
class Asked:
    channel: str
    root: str
    hangs: bool


def answer(body) -> Answer:
    """Claude calls the tool where it is told to, and says what became of that."""
    last = body["messages"][-1]["content"]
    told = next((block["content"][0]["text"] for block in last if block["type"] == "tool_result"), None)
    if told is not None:
        return Answer(text=f"{SAID}{told}", chunk=1000)
    return call(use("tickets__hang")) if "hang" in last[-1]["text"] else Answer(text="Fine.", chunk=1000)


@asynccontextmanager
async def at_home(slack, claude, **limits):
    """A house that has a server whose tool never answers; and the server."""
    rooms = [f"room-{number}" for number in range(CHANNELS)]
    members = slack.world.channels["C0DEV"].members
    slack.world.channels.update({f"C0R{at}": Channel(f"C0R{at}", one, members=members) for at, one in enumerate(rooms)})
    claude.answer = answer
    store = await open_store("sqlite://")
    async with McpFake().serve() as fake, offering(store, over_http(fake), first=LONG, **limits) as tools:
        ways = {"pause": PAUSE / FASTER, "sleep": asyncio.sleep, "rules": {"tools": tools}}
        async with living(slack, claude, store, **ways) as home:
            await slack.say("ada", "dev", f"<@{BOT}> hello")  # so that the server is connected
            await home.answered()
            slack.enforce_tiers(60 / FASTER)
            yield home, fake
    await store.shut()


async def ask(home: House, number: int, *, hangs: bool) -> Asked:
    """The people of all channels ask in turn."""
    channel, person = f"room-{number % CHANNELS}", PEOPLE[number // CHANNELS % len(PEOPLE)]
    text = f"<@{BOT}> {'hang' if hangs else 'say fine'} {number}"
    return Asked(channel, await home.slack.say(person, channel, text), hangs)


def list_answers(home: House, asked: list[Asked], begin: str = "") -> list[str]:
    """What is shown of their answers, where anything is that begins so."""
    roots = {one.root for one in asked}
    shown = [displayed(post) for post in home.slack.world.posts.values() if post.user == BOT and post.thread in roots]
    return [text for text in shown if text.startswith(begin)]


async def shown(home: House, asked: list[Asked], count: int, begin: str = "") -> None:
    """Wait until so many answers are. It is looked at seldom, for the loop is watched."""
    async with asyncio.timeout(LONG):
        while len(list_answers(home, asked, begin)) < count:
            await asyncio.sleep(0.05)


async def left_open(home: House, count: int) -> None:
    """Wait until so many questions are open."""
    async with asyncio.timeout(PATIENCE):
        while (await home.store.questions.count_open())[0] != count:
            await asyncio.sleep(0.05)


def list_seconds(home: House, asked: list[Asked]) -> list[float]:
    """How long each waited until people saw its answer."""
    roots = {one.root for one in asked}
    shown = {post.thread: post.ts for post in home.slack.world.posts.values() if post.user == BOT}
    return [float(shown[root]) - float(root) for root in roots]


@pytest.mark.reliability
async def test_questions_that_use_no_tool_wait_for_none_that_hang_and_all_that_is_held_is_bounded(
    slack, claude, settled, record_property
):
    async with at_home(slack, claude, call=LONG) as (home, fake):
        alone = [await ask(home, number, hangs=False) for number in range(EACH)]
        await shown(home, alone, EACH)
        await home.rest()
        await asyncio.sleep(60 / FASTER)  # of which Slack's limits know no more
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with measure_stalls() as stalls:
            asked = [await ask(home, number // 2, hangs=bool(number % 2)) for number in range(2 * EACH)]
            beside, hanging = [one for one in asked if not one.hangs], [one for one in asked if one.hangs]
            refused = max(0, EACH - HELD)
            await shown(home, beside, EACH)
            await shown(home, hanging, refused, SAID)
            await until(lambda: len(fake.calls) >= min(EACH, CALLS), LONG)
        await left_open(home, min(EACH, HELD))
        told = list_answers(home, hanging, SAID)
        figures = {
            "alone": statistics.median(list_seconds(home, alone)),
            "beside": statistics.median(list_seconds(home, beside)),
            "stall": 1000 * max(stalls),
            "mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        }
        record_property("figures", {"what": "a server that hangs", **figures})
        fake.release.set()
        await home.rest()

        assert list_answers(home, beside) == ["Fine."] * EACH
        assert len(told) == refused
        assert all(one.startswith(f"{SAID}{BUSY}") for one in told)
        assert len(list_answers(home, hanging, SAID)) == EACH
        assert len(fake.calls) == min(EACH, HELD)
        assert slack.limited == []
        assert figures["mb"] < GROWN


@pytest.mark.reliability
async def test_calls_that_hang_end_after_their_limit_with_a_line_to_claude_and_a_visible_answer(slack, claude, caplog):
    async with at_home(slack, claude, call=LIMIT) as (home, _):
        asked = [await ask(home, number, hangs=True) for number in range(EACH)]
        await shown(home, asked, EACH, SAID)
        await home.rest()
        lines = [one.removeprefix(SAID) for one in list_answers(home, asked)]

    assert len(lines) == EACH
    assert SLOW in lines
    assert all(one == SLOW or one.startswith("The server tickets has not answered earlier calls") for one in lines)
    assert slack.limited == []
