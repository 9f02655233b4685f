"""Answers to bots: counted by channel over all processes, on the database's clock, until a person writes there.

Tests core.store.places.bot_answers, core.store.records.bot_loops, core.store.records.bot_loops.answers and their part
of core.store.rules.ingest and core.store.rules.forget.
"""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import chain

import pytest

from core.answering.bot_loop_guard import LIMITS
from core.billing.ledger_rows import Scope
from core.domain.clock import system_clock
from core.store import open_store
from core.store.records.bot_loops.answers import Verdict
from core.store.rules.ingest import ingest_event
from tests.support.talk import KEY, asked, said, thread

ANSWER, SAY_SO, SILENCE = Verdict.ANSWER, Verdict.SAY_SO, Verdict.SILENCE
DAY = 24 * 3600
TABLE = "bot_answers"


async def ask(store, names, key=KEY):
    """The verdicts on questions of bots, one after another."""
    return [await store.bot_answers.reach_verdict(key, name, LIMITS) for name in names]


async def rows(store):
    """The questions of which something is kept, by channel."""
    found = await store.bot_answers._engine.unit(lambda sql: sql.many(f"SELECT channel, question FROM {TABLE}", {}))
    return sorted((row["channel"], row["question"]) for row in found)


class Watching:
    """A port that counts the statements about answers to bots."""

    def __init__(self, sql, count):
        self._sql, self._count = sql, count

    def __getattr__(self, name):
        inner = getattr(self._sql, name)
        if not callable(inner):
            return inner

        def call(*told, **more):
            self._count[name] += TABLE in f"{told}"
            return inner(*told, **more)

        return call


async def test_five_are_answered_and_the_sixth_is_told_why_and_the_others_nothing(store):
    assert await ask(store, "12345678") == [ANSWER] * 5 + [SAY_SO, SILENCE, SILENCE]
    assert await ask(store, "9", thread("1", "C2")) == [ANSWER]


async def test_a_question_gets_its_verdict_again_whatever_was_said_and_answered_since(store, clock):
    await store.questions.ingest(asked("1"))
    first = await ask(store, "12345678")
    await store.questions.ingest(said("7"), attended=True)
    clock.tick(DAY - 1)
    between = await ask(store, "abcdefg")

    assert first == await ask(store, "12345678") == [ANSWER] * 5 + [SAY_SO, SILENCE, SILENCE]
    assert between == await ask(store, "abcdefg") == [ANSWER] * 5 + [SAY_SO, SILENCE]


async def test_whether_a_question_would_get_no_answer_is_told_without_counting_it(store):
    async def is_over(name):
        return await store.bot_answers.is_over(KEY, name, LIMITS)

    await ask(store, "1234")
    before = [await is_over(name) for name in "5678"]
    await ask(store, "56")

    assert before == [False] * 4
    assert [await is_over(name) for name in "567"] == [False, True, True]


async def test_slow_talk_is_stopped_for_a_day_and_no_longer_is_anything_of_it_kept(store, clock):
    found = []
    for number in range(22):
        clock.tick(200)
        found += await ask(store, [f"{number}"])
    kept = len(await rows(store))
    clock.tick(DAY)

    assert found == [ANSWER] * 20 + [SAY_SO, SILENCE]
    assert (await ask(store, ["later"]), kept, await rows(store)) == ([ANSWER], 22, [("C1", "later")])


async def test_after_a_while_it_goes_on_and_says_so_again_when_it_stops_again(store, clock):
    await ask(store, "1234567")
    clock.tick(600)

    assert await ask(store, "abcdefg") == [ANSWER] * 5 + [SAY_SO, SILENCE]


@pytest.mark.parametrize(
    ("event", "attended", "verdict"),
    [
        (said("9"), True, ANSWER),
        (said("9", thread("1", "C2")), True, SILENCE),
        (said("1"), True, SILENCE),
        (said("9"), False, SILENCE),
        (asked("9", thread("9")), True, ANSWER),
    ],
    ids=["in a thread of ours", "in no thread of ours", "told twice", "unattended", "in a thread that begins with it"],
)
async def test_what_a_person_writes_in_a_thread_of_ours_lets_bots_go_on(store, event, attended, verdict):
    await store.questions.ingest(asked("1"))
    await ask(store, "1234567")
    await store.questions.ingest(event, attended=attended)

    assert await ask(store, "8") == [verdict]


async def test_where_no_bot_may_ask_a_message_costs_no_statement_more_and_elsewhere_one(store):
    counts = {}
    for number, attended in enumerate([False, True], 1):
        count = counts[attended] = Counter()
        event = asked(f"{number}")
        await store.questions._engine.unit(
            lambda sql, count=count, event=event, attended=attended: ingest_event(
                Watching(sql, count), event, attended=attended
            )
        )

    assert (counts[False].total(), counts[True].total()) == (0, 1)
    assert len(counts[True]) > 5  # statements and locks were watched at all


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        (Scope(KEY.workspace), []),
        (Scope(KEY.workspace, "C1"), ["C2"]),
        (Scope(KEY.workspace, "C1", "1"), ["C1", "C2"]),
        (Scope(KEY.workspace, person="B1"), ["C1", "C2"]),
        (Scope("slack:T2"), ["C1", "C2"]),
    ],
    ids=["a workspace", "a channel", "a thread", "a person", "another workspace"],
)
async def test_forgetting_a_place_erases_its_count(store, scope, kept):
    await ask(store, "1")
    await ask(store, "1", thread("1", "C2"))

    await store.threads.forget(scope)

    assert [channel for channel, _ in await rows(store)] == kept


class Wall:
    """The time of day of a machine that is wrong."""

    def __init__(self, minutes):
        self.by = timedelta(minutes=minutes)

    def __call__(self):
        return system_clock() + self.by


@pytest.fixture
async def stores(shared_url):
    """Eight processes of one database, whose machines' clocks are hours apart."""
    async with AsyncExitStack() as stack:
        opened = []
        for number in range(8):
            opened.append(await open_store(shared_url, wall=Wall(240 - 60 * number)))
            stack.push_async_callback(opened[-1].shut)
        yield opened


async def test_eight_processes_that_are_asked_at_once_give_five_answers_and_say_once_that_they_stop(stores):
    found = await asyncio.gather(
        *(ask(store, [f"{number}.{name}" for name in range(6)]) for number, store in enumerate(stores))
    )

    assert Counter(chain.from_iterable(found)) == {ANSWER: 5, SAY_SO: 1, SILENCE: 42}


async def test_what_was_counted_outlives_every_process(shared_url):
    found = []
    for name in "1234567":
        store = await open_store(shared_url)
        found += await ask(store, name)
        await store.shut()

    assert found == [ANSWER] * 5 + [SAY_SO, SILENCE]


async def test_a_person_who_is_heard_by_one_process_lets_all_of_them_go_on(stores):
    first, *others = stores
    await first.questions.ingest(asked("1"))
    before = [await ask(store, f"{number}") for number, store in enumerate(stores)]
    await others[0].questions.ingest(said("2"), attended=True)
    after = [await ask(store, [f"again {number}"]) for number, store in enumerate(stores)]

    assert before == after == [[ANSWER]] * 5 + [[SAY_SO], [SILENCE], [SILENCE]]
