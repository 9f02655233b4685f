"""What may have been missed: since when, and where to look; the next gap tells the same until it was looked for.

Tests core.store.rules.threads.
"""

import pytest

from core.domain.events import Backfilled, Missed, MissedRange
from tests.support.talk import KEY, NOON, PLATFORMS, asked, at, message, said, thread

ALL = Missed("g", "slack")


async def missed(store, gap=ALL):
    return (await store.questions.ingest(gap)).missed


async def test_of_a_workspace_that_was_never_heard_nothing_is_missed(store):
    assert await missed(store) == ()
    assert await missed(store, Missed("g", "slack", frozenset({"slack:T1"}))) == ()


async def test_a_workspace_that_is_named_in_a_gap_is_heard_from_then_on(store, clock):
    named = Missed("g", "slack", frozenset({"slack:T1"}))
    await missed(store, named)
    clock.tick(50)

    assert await missed(store, named) == (MissedRange("slack:T1", NOON),)


async def test_it_was_heard_until_the_newest_message_also_of_threads_that_are_not_ours(store):
    for name in ("1", "30", "20"):
        await store.questions.ingest(said(name, thread(name)))

    assert await missed(store) == (MissedRange("slack:T1", at(30)),)


async def test_the_mark_is_moved_every_few_seconds_only(store):
    for name in ("10", "14", "15"):
        await store.questions.ingest(said(name))

    assert await missed(store) == (MissedRange("slack:T1", at(10)),)


@pytest.mark.parametrize(
    ("gap", "names"),
    [
        (ALL, ["slack:T1", "slack:T2"]),
        (Missed("g", "slack", frozenset({"slack:T2"})), ["slack:T2"]),
        (Missed("g", "discord"), []),
    ],
    ids=["a platform", "a workspace", "another platform"],
)
async def test_only_the_workspaces_of_the_gap_are_looked_through(store, gap, names):
    for name in ("slack:T1", "slack:T2"):
        await store.questions.ingest(said("1", thread("1", workspace=name)))

    assert [one.workspace for one in await missed(store, gap)] == names


async def test_until_it_was_looked_for_the_next_gap_tells_the_same_whatever_is_heard_meanwhile(store):
    await store.questions.ingest(said("10"))
    await missed(store)
    await store.questions.ingest(said("100"))

    again = await missed(store)
    await store.questions.ingest(Backfilled("c", "slack:T1"))
    after = await missed(store)

    assert [again[0].since, after[0].since] == [at(10), at(100)]


async def test_threads_of_ours_come_with_it_the_liveliest_first_and_no_private_one(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(asked("2", thread("2")))
    await store.questions.ingest(said("3", KEY))
    await store.questions.ingest(said("4", thread("4")))
    await store.questions.ingest(asked("5", thread("5"), private=True))
    await store.questions.ingest(asked("6", thread("6", workspace="slack:T2")))

    (first, _) = await missed(store)

    assert first.threads == (KEY, thread("2"))


async def test_of_many_threads_the_hundred_liveliest_are_looked_through(store):
    for number in range(1, 121):
        await store.questions.ingest(asked(message(str(number)), thread(str(number))))

    (only,) = await missed(store)

    assert only.threads == tuple(thread(str(number)) for number in range(120, 20, -1))
    assert (await store.questions.claim_next("p", PLATFORMS)).question.name == "1"
