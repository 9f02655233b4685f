"""A thread that a question begins just now need not be read, unless something else in it may have been missed.

Tests core.store.rules.threads, core.store.rules.ingest.
"""

import pytest

from core.domain.events import Backfilled, Missed
from core.domain.messages import History, Outcome
from tests.support.talk import KEY, PLATFORMS, asked, at, deleted, edited, message, perhaps, said, thread

GAP = Missed("g", "slack", frozenset({"slack:T1"}))
BEGINS = asked("1", begins=True)
REPLY = perhaps("1.5", begun_at=at(1))
ELSEWHERE = thread("0", channel="C2")


@pytest.mark.parametrize(
    ("events", "seconds", "stale"),
    [
        ([BEGINS], 1, False),
        ([BEGINS, BEGINS], 1, False),
        ([asked("1"), BEGINS], 1, False),
        ([BEGINS, perhaps("1.5", begun_at=at(1))], 1, False),
        ([asked("0", ELSEWHERE), BEGINS], 1, False),
        ([perhaps("0.5", thread("0"), begun_at=at(0)), deleted("0.2"), BEGINS], 1, False),
        ([perhaps("1", thread("0"), begun_at=at(-60)), BEGINS], 1, False),
        ([asked("1")], 1, True),
        ([asked("2", begun_at=at(1))], 2, True),
        ([BEGINS], 4, True),
        ([REPLY, BEGINS], 2, True),
        ([edited("1", "other words", 1.2), BEGINS], 2, True),
        ([deleted("1"), BEGINS], 2, True),
        ([asked("1.5", begun_at=at(1)), BEGINS], 2, True),
        ([said("2", ELSEWHERE), BEGINS], 2, True),
        ([said("0", ELSEWHERE), GAP, BEGINS], 1, True),
        ([said("0", ELSEWHERE), GAP, Backfilled("b", "slack:T1"), BEGINS], 1, False),
        ([BEGINS, GAP], 1, True),
    ],
    ids=[
        "it comes at once",
        "it comes twice",
        "it comes in part, and then whole",
        "a reply comes after it",
        "another thread is asked in before",
        "something else is told of other messages",
        "somebody goes on in an old thread",
        "it may not be whole",
        "it does not begin its thread",
        "it comes late",
        "a reply came before it",
        "its edit came before it",
        "its deletion came before it",
        "a question below it came before it",
        "something that was said later came before it",
        "what was missed is not looked for yet",
        "what was missed has been looked for",
        "events are missed after it",
    ],
)
async def test_a_thread_is_fresh_where_its_first_question_comes_at_once_and_nothing_may_be_missed(
    store, clock, events, seconds, stale
):
    clock.tick(seconds)
    for event in events:
        await store.questions.ingest(event)

    assert (await store.threads.thread(KEY)).stale is stale


async def test_a_question_at_the_time_of_a_gap_that_left_no_trace_is_read(store, clock):
    clock.tick(2)
    await store.questions.ingest(GAP)
    await store.questions.ingest(BEGINS)

    assert (await store.threads.thread(KEY)).stale


async def test_a_thread_that_became_stale_is_not_fresh_because_its_question_comes_again(store, clock):
    clock.tick(1)
    await store.questions.ingest(BEGINS)
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "1.2", at(1.2))
    await store.questions.close(claim, Outcome.SHOWN)
    await store.questions.ingest(said(message("1.2", "an answer", mine=True, answers="1")))
    await store.questions.ingest(deleted("1.2", seconds=1.4))
    before = (await store.threads.thread(KEY)).stale
    await store.questions.ingest(BEGINS)

    assert before
    assert (await store.threads.thread(KEY)).stale


async def test_only_the_last_of_what_was_left_out_is_remembered(store, clock):
    clock.tick(1)
    for number in range(200):
        await store.questions.ingest(deleted(f"x{number}"))
    kept = await store.notes.get("passed:slack:T1:C1")

    assert kept is not None
    assert kept.count("x") == 50


async def test_a_thread_that_was_read_is_not_touched(store, clock):
    clock.tick(1)
    await store.questions.ingest(asked("1"))
    read = await store.threads.thread(KEY)
    await store.questions.ingest(GAP)
    await store.threads.refresh(read, History(read.messages))
    await store.questions.ingest(BEGINS)

    assert (await store.threads.thread(KEY)).stale
