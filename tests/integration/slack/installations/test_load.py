"""Thirty workspaces in one process, at the tiers that Slack enforces in each; and one of them in a storm of questions.

Tests bots.slack.installations.installed, bots.slack.throttle, core.worker.fair_semaphore. Slack's minute is shorter here,
and so are all pauses of ours.
"""

import asyncio
import time
from contextlib import asynccontextmanager
from statistics import median

import pytest

from bots.slack.throttle import PAUSE
from core.worker.fair_semaphore import FairSemaphore
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.nouns import Team
from tests.support.loop_watch import settle_heap
from tests.support.slack_house import living
from tests.support.slack_installations import Browser, make_installing
from tests.support.stalls import measure_stalls
from tests.support.waiting import PATIENCE, Closing, until

WORKSPACES, QUESTIONS = 30, 4
STORM, SLOTS = 60, 16  # questions in one workspace, and of all those that ask Claude at the same time
FASTER = 10  # than Slack's minute
STALL = 0.25  # seconds that the loop may be held up, by the fakes' work beside ours
ANSWER = f"{'word ' * 200}end."
POST, UPDATE = "chat.postMessage", "chat.update"
LONG = 10 * PATIENCE  # seconds; a busy machine needs many times as long as an idle one

settled = pytest.fixture(settle_heap)


@asynccontextmanager
async def installed_in_many(slack, claude, store, closing, *, http=False, **rules):
    """A house that so many workspaces have installed, once Slack enforces its tiers."""
    teams = [Team(f"T0W{number:02}", f"Workspace {number}") for number in range(WORKSPACES)]
    neighbours = [slack.add_workspace(team) for team in teams]
    ways = {"installing": make_installing(slack, store), "pause": PAUSE / FASTER, "sleep": asyncio.sleep}
    async with living(slack, claude, store, http, rules={"emit": closing, **rules}, **ways) as home:
        for team in teams:
            assert (await Browser(home.port).install(slack, team)).status == 200
        slack.enforce_tiers(60 / FASTER)
        yield home, neighbours


@pytest.mark.reliability
async def test_all_questions_of_thirty_workspaces_are_answered_whole_and_slack_refuses_nothing(
    slack, claude, store, settled, record_property
):
    closing = Closing(WORKSPACES * QUESTIONS)
    async with installed_in_many(slack, claude, store, closing) as (_, neighbours):
        claude.answer = lambda body: Answer(text=ANSWER, chunk=100, delay=0.1)
        began, busy = time.monotonic(), time.process_time()
        async with measure_stalls() as stalls:
            asked = [
                (one, await one.say("bob", "dev", f"<@U0BOT> number {number}"))
                for number in range(QUESTIONS)
                for one in neighbours
            ]
            await closing.wait(LONG)
        figures = {"seconds": time.monotonic() - began, "busy": time.process_time() - busy, "longest": max(stalls)}
        record_property("figures", {"what": "thirty workspaces of Slack", **figures})

        assert [one.texts("dev", root) for one, root in asked] == [[ANSWER]] * len(asked)
        assert slack.limited == []
        assert slack.called(UPDATE)
        assert max(stalls) < STALL


def list_firsts(slack, roots: set[str]) -> list[float]:
    """When the first text of each of these threads was sent to Slack, in seconds since it was asked for."""
    found: dict[tuple[str, str], float] = {}
    for call in slack.calls:
        if call.method == POST and (thread := call.arguments["thread_ts"]) in roots:
            found.setdefault((call.token, thread), call.at - float(thread))
    return sorted(found.values())


@pytest.mark.reliability
async def test_a_workspace_in_a_storm_keeps_none_of_the_others_waiting(slack, claude, store, record_property):
    gate, semaphore, closing = Gate(), FairSemaphore(SLOTS), Closing(STORM + WORKSPACES - 1)
    claude.answer = lambda body: Answer(text=ANSWER, chunk=100, delay=0.1, gate=gate)
    async with installed_in_many(slack, claude, store, closing, http=True, silence=LONG, semaphore=semaphore) as (
        home,
        neighbours,
    ):
        stormy, *calm = neighbours
        storm = [await stormy.say("bob", "dev", f"<@U0BOT> storm {number}") for number in range(STORM)]
        await until(lambda: len(semaphore._waiting) == STORM - SLOTS, LONG)
        asked = [await one.say("bob", "dev", "<@U0BOT> calm") for one in calm]
        await until(lambda: len(semaphore._waiting) == STORM + len(calm) - SLOTS, LONG)
        gate.opened.set()
        await closing.wait(LONG)
        order = ["calm" in str(body["messages"][-1]) for body in home.asked]
        ours, theirs = list_firsts(slack, set(storm)), list_firsts(slack, set(asked))
        figures = {"storm": median(ours), "others": median(theirs), "longest": max(theirs)}
        record_property("figures", {"what": "first texts beside a storm of Slack", **figures})

        assert [stormy.texts("dev", root) for root in storm] == [[ANSWER]] * STORM
        assert [one.texts("dev", root) for one, root in zip(calm, asked, strict=True)] == [[ANSWER]] * len(calm)
        assert slack.limited == []
        assert all(order[SLOTS : SLOTS + len(calm) - SLOTS])
        assert sum(order[: 2 * SLOTS + len(calm)]) == len(calm)
        assert max(theirs) < median(ours)
