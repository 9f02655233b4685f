"""Summaries of long threads, on each engine: kept once, and gone with what they tell.

Tests core.store.rules.summaries, core.store.records.summaries.
"""

from dataclasses import replace

import pytest

from core.billing.ledger_rows import Scope
from core.domain.messages import History, Reach
from tests.support.talk import KEY, asked, deleted, edited, message, said, thread

OTHER = thread("20")


@pytest.fixture
async def told(store):
    """The messages that a summary tells, of a thread with one more; another thread has a summary too."""
    for event in (asked("1"), said("2"), said("3"), asked("20", OTHER), said("21", OTHER)):
        await store.questions.ingest(event)
    other = await store.threads.thread(OTHER)
    await store.summaries.keep(OTHER, "other", "of the other", other.messages)
    found = (await store.threads.thread(KEY)).messages[:2]
    assert await store.summaries.keep(KEY, "first", "of 1 and 2", found) == {"first": "of 1 and 2"}
    return found


async def kept(store, key=KEY):
    return (await store.threads.thread(key)).summaries


async def count_links(store):
    statement = "SELECT digest, message FROM summarized ORDER BY digest, message"
    return await store.questions._engine.unit(lambda sql: [tuple(row.values()) for row in sql.many(statement, {})])


async def test_a_summary_is_kept_once_and_told_with_the_thread(store, told):
    await store.summaries.keep(KEY, "first", "of another process", told)
    await store.summaries.keep(KEY, "second", "of more", told)

    assert await kept(store) == {"first": "of 1 and 2", "second": "of more"}
    assert await kept(store, OTHER) == {"other": "of the other"}


async def test_none_is_kept_of_a_thread_that_is_not_tracked(store, told):
    assert await store.summaries.keep(thread("99"), "d", "words", ()) == {}


CHANGES = {
    "edited": lambda store: store.questions.ingest(edited("2", "no more", 50)),
    "deleted": lambda store: store.questions.ingest(deleted("2")),
    "a person forgotten": lambda store: store.threads.forget(Scope("slack:T1", person="U1")),
    "the thread forgotten": lambda store: store.threads.forget(Scope("slack:T1", "C1", "1")),
    "the channel forgotten": lambda store: store.threads.forget(Scope("slack:T1", "C1")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_summary_is_gone_at_once_with_what_it_tells(store, told, change):
    await change(store)

    assert await kept(store) == {}
    assert [link for link in await count_links(store) if link[0] == "first"] == []


async def test_it_is_gone_where_the_platform_shows_a_message_no_more(store, told):
    found = await store.threads.thread(KEY)
    shown = tuple(one for one in found.messages if one.id != "1")
    await store.threads.refresh(found, History(shown, Reach.WHOLE))

    assert await kept(store) == {}


@pytest.mark.parametrize("change", [edited("3", "other", 50), deleted("3"), edited("21", "x", 50, OTHER)], ids=str)
async def test_what_it_does_not_tell_leaves_it_as_it_is(store, told, change):
    await store.questions.ingest(change)

    assert await kept(store) == {"first": "of 1 and 2"}


@pytest.mark.parametrize("change", [edited("2", "no more", 50), deleted("2")], ids=["edited", "deleted"])
async def test_what_changed_while_it_was_made_is_not_kept(store, told, change):
    await store.questions.ingest(change)

    assert await store.summaries.keep(KEY, "late", "of 1 and what 2 said", told) == {}


async def test_what_was_never_kept_is_summed_up_by_nobody(store, told):
    assert "d" not in await store.summaries.keep(KEY, "d", "words", [replace(message("4"), text="secret")])
