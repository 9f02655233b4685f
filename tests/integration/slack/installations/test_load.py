"""Thirty workspaces in one process, each asked three questions at once, at the tiers that Slack enforces in each.

Tests bots.slack.installations.installed, bots.slack.throttle. Slack's minute is shorter here, and so are all pauses of ours.
"""

import asyncio
import time
import tracemalloc
from contextlib import asynccontextmanager

import pytest

from bots.slack.throttle import PAUSE
from tests.fakes.claude.script import Answer
from tests.fakes.slack.nouns import Team
from tests.support.loop_watch import settle_heap
from tests.support.slack_house import living
from tests.support.slack_installations import Browser, make_installing
from tests.support.stalls import measure_stalls
from tests.support.waiting import PATIENCE

WORKSPACES, QUESTIONS = 30, 3
FASTER = 10  # than Slack's minute
STALL = 0.02  # seconds that the loop may be held up, by the fakes' work beside ours
EACH = 400_000  # bytes that a workspace may take at most, with all that was said in it
WORDS = 200
LONG = 10 * PATIENCE  # seconds; a busy machine needs many times as long as an idle one

settled = pytest.fixture(settle_heap)


@asynccontextmanager
async def installed_in_many(slack, claude, store):
    """A house that so many workspaces have installed."""
    teams = [Team(f"T0W{number:02}", f"Workspace {number}") for number in range(WORKSPACES)]
    neighbours = [slack.add_workspace(team) for team in teams]
    installing = make_installing(slack, store)
    async with living(slack, claude, store, installing=installing, pause=PAUSE / FASTER, sleep=asyncio.sleep) as home:
        for team in teams:
            assert (await Browser(home.port).install(slack, team)).status == 200
        yield home, neighbours


async def ask_everywhere(home, neighbours):
    """Questions in each workspace; where each stands."""
    before = len(home.asked)
    asked = [
        (one, await one.say("bob", "dev", f"<@U0BOT> number {number}"))
        for number in range(QUESTIONS)
        for one in neighbours
    ]
    await home.slack.until(lambda: len(home.asked) >= before + len(asked), LONG)
    async with asyncio.timeout(LONG):
        await home.assistant.worker.idle()
    return asked


@pytest.mark.slow
async def test_all_questions_of_thirty_workspaces_are_answered_whole_and_slack_refuses_nothing(
    slack, claude, store, settled, record_property
):
    answer = f"{'word ' * WORDS}end."
    async with installed_in_many(slack, claude, store) as (home, neighbours):
        slack.enforce_tiers(60 / FASTER)
        claude.answer = lambda body: Answer(text=answer, chunk=100, delay=0.1)
        began, busy = time.monotonic(), time.process_time()
        async with measure_stalls() as stalls:
            asked = await ask_everywhere(home, neighbours)
        figures = {"seconds": time.monotonic() - began, "busy": time.process_time() - busy, "longest": max(stalls)}
        record_property("figures", {"what": "thirty workspaces of Slack", **figures})

        assert [one.texts("dev", root) for one, root in asked] == [[answer]] * len(asked)
        assert slack.limited == []
        assert max(stalls) < STALL


@pytest.mark.slow
async def test_what_a_workspace_takes_of_the_memory_is_bounded(slack, claude, store, record_property):
    async with installed_in_many(slack, claude, store) as (home, neighbours):
        await ask_everywhere(home, neighbours[:1])
        tracemalloc.start()
        await ask_everywhere(home, neighbours)
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, "*/tests/*")])  # noqa: FBT003
        tracemalloc.stop()
        taken = sum(one.size for one in ours.statistics("filename")) // WORKSPACES
        record_property("figures", {"what": "bytes of a workspace of Slack", "taken": taken})

        assert 0 < taken < EACH
