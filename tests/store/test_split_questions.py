"""Pieces: a message of its own adds to what its author asked just before, while nothing of the answer is visible.

Tests core.store.rules.split_questions.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.messages import FinalText, History, Reach
from tests.support.talk import KEY, NOON, PLATFORMS, asked, commanded, deleted, edited, message, thread

PIECE = asked(message("2", seconds=5), thread("2"), may_add=True)


async def claim(store):
    claimed = await store.questions.claim_next("p", PLATFORMS)
    assert claimed is not None
    return claimed


@pytest.mark.parametrize(
    ("first", "piece", "joins"),
    [
        (asked("1"), PIECE, True),
        (asked("1"), asked(message("2", seconds=60), thread("2"), may_add=True), False),
        (asked("1"), asked(message("2", author="U2", seconds=5), thread("2"), may_add=True), False),
        (asked("1"), asked(message("2", seconds=5), thread("2")), False),
        (asked("1", alone=True), PIECE, False),
        (asked("1", private=True), PIECE, False),
        (commanded("1"), PIECE, False),
    ],
    ids=["at once", "later", "another person", "a reply", "a question alone", "a private one", "a command"],
)
async def test_what_is_said_at_once_adds_to_the_question(store, first, piece, joins):
    await store.questions.ingest(first)
    receipt = await store.questions.ingest(piece)

    assert receipt.question
    assert (receipt.key == first.key) is joins


@pytest.mark.parametrize("seen", ["a page", "a final text"])
async def test_nothing_is_added_once_something_of_the_answer_is_visible(store, seen):
    await store.questions.ingest(asked("1"))
    if seen == "a page":
        await store.questions.record_page(await claim(store), "9", NOON)
    else:
        await store.questions.store_final_text(await claim(store), FinalText("fine"))

    assert (await store.questions.ingest(PIECE)).key == thread("2")


async def test_a_piece_is_answered_with_the_question_and_not_taken_for_deleted(store):
    await store.questions.ingest(asked("1"))
    claimed = await claim(store)
    await store.questions.ingest(PIECE)
    joined = await store.questions.join_waiting(claimed)
    await store.threads.refresh(await store.threads.thread(KEY), History((message("1"),), Reach.WHOLE))

    assert [one.name for one in (joined.question, *joined.together)] == ["1", "2"]
    assert [one.id for one in (await store.threads.thread(KEY)).messages] == ["1", "2"]


async def test_what_the_platform_says_of_a_piece_holds(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(PIECE)
    now = replace(PIECE.message, text="better", edited=NOON + timedelta(seconds=9))
    await store.threads.refresh(await store.threads.thread(KEY), History((message("1"),), beside=(now,)))
    better = await store.threads.thread(KEY)
    await store.threads.refresh(better, History((message("1"),), gone=frozenset({"2"})))

    assert better.pieces == {"2"}
    assert [one.text for one in better.messages] == ["words 1", "better"]
    assert [one.id for one in (await store.threads.thread(KEY)).messages] == ["1"]


async def test_a_piece_is_edited_and_deleted_where_it_is_kept(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(PIECE)
    await store.questions.ingest(edited("2", "better", 9, thread("2")))
    better = [one.text for one in (await store.threads.thread(KEY)).messages]
    await store.questions.ingest(deleted("2", thread("2")))

    assert better == ["words 1", "better"]
    assert [one.id for one in (await store.threads.thread(KEY)).messages] == ["1"]
