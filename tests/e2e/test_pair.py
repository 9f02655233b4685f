"""Two processes share one database, one killed again and again, one asleep too long: each question is answered once."""

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import AsyncExitStack, closing
from dataclasses import replace

import pytest

from core.claude.metering import ATTEMPTS
from tests.e2e.reliability.nursery import nursery
from tests.e2e.reliability.pair import Pair, answer, ask, storm, wrong
from tests.e2e.reliability.worlds import slack_world
from tests.fakes.claude.script import Answer, Gate
from tests.support.databases import ENGINES, SQLITE, Database
from tests.support.waiting import until

WRONG = ("lost", "doubled", "given up", "cut off", "disordered", "unaccounted", "open")
SIZES = [
    pytest.param(8, 5, 8, id="40 questions"),
    pytest.param(50, 10, 100, id="500 questions", marks=pytest.mark.reliability),
]


@ENGINES
@pytest.mark.parametrize(("threads", "each", "seconds"), SIZES)
async def test_each_question_is_answered_exactly_once_and_in_order(
    tmp_path, databases, threads, each, seconds, record_property
):
    async with slack_world() as world, nursery() as bots:
        figures = await storm(world, bots, tmp_path, databases.of(tmp_path), threads, each, seconds)
    record_property("figures", {"what": f"two processes, {databases}", **figures})

    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
    assert figures["kills"]
    assert figures["naps"]


@pytest.mark.reliability
@pytest.mark.parametrize("databases", [SQLITE], indirect=True)
async def test_at_slacks_tiers_processes_die_stall_and_come_back_and_each_question_is_answered(
    tmp_path, databases, record_property
):
    async with slack_world() as world, nursery() as bots:
        world.slack.enforce_tiers()
        figures = await storm(world, bots, tmp_path, databases.of(tmp_path), 20, 5, 90, peace=8)
    record_property("figures", {"what": "two processes, Slack's tiers", **figures})

    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
    assert figures["kills"]
    assert figures["naps"]


@pytest.mark.parametrize("databases", [SQLITE], indirect=True)
async def test_the_count_finds_a_reply_that_is_lost_one_that_is_doubled_and_one_that_is_cut_off(tmp_path, databases):
    async with slack_world() as world, nursery() as bots:
        world.claude.answer = answer
        pair = Pair(world, bots, tmp_path, databases.of(tmp_path))
        await pair.start()
        await ask(world.slack, 3, 1, random.Random(7), 0)
        await pair.let_finish([])
        before, posts = wrong(world.slack, pair.database), world.slack.world.posts
        lost, doubled, cut = [post for post in posts.values() if post.bot_id]
        del posts[lost.channel, lost.ts]
        posts[doubled.channel, f"{doubled.ts}1"] = replace(doubled, ts=f"{doubled.ts}1")
        posts[cut.channel, cut.ts] = replace(cut, text=cut.text[:-9], blocks=())
        after = wrong(world.slack, pair.database)

    assert before.total() == 0
    assert +(after - Counter(overtaken=after["overtaken"])) == Counter({"lost": 1, "doubled": 1, "cut off": 1})


@pytest.mark.parametrize("databases", [SQLITE], indirect=True)
async def test_no_process_is_stopped_while_a_question_is_open_that_one_more_death_would_end(tmp_path, databases):
    gate = Gate()
    async with slack_world() as world, nursery() as bots, AsyncExitStack() as stack:
        world.claude.answer = lambda _body: Answer(text="fine", gate=gate)
        pair = Pair(world, bots, tmp_path, databases.of(tmp_path))
        bot = await pair.start()
        await ask(world.slack, 1, 1, random.Random(7), 0)
        await gate.reached.wait()
        add_deaths(pair.database, ATTEMPTS - 1)
        stopping = asyncio.create_task(stack.enter_async_context(pair.stopped(bot)))
        await until(lambda: pair.spared)
        gate.opened.set()
        await stopping
        left = pair.database.open

    assert left == 0


def add_deaths(database: Database, count: int) -> None:
    """The request that is under way ended as many processes before."""
    with closing(sqlite3.connect(database.path, timeout=30)) as db, db:
        names = [row[1] for row in db.execute("PRAGMA table_info(requests)") if row[1] != "id"]
        values = ["'died'" if name in {"state", "outcome"} else name for name in names]
        for _ in range(count):
            db.execute(f"INSERT INTO requests ({', '.join(names)}) SELECT {', '.join(values)} FROM requests LIMIT 1")
