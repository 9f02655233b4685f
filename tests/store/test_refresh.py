"""Healing: the rows become what the platform shows, inside what was read and nowhere else.

Tests core.store.rules.refresh.
"""

import pytest

from core.billing.ledger_rows import Scope
from core.domain.errors import StoreUnavailable
from core.domain.events import Missed
from core.domain.messages import Attachment, History, Outcome, Quote, QuoteKind, Reach
from core.domain.messages import FinalText as Final
from core.store.repositories import ThreadRepository
from core.store.rules.refresh import PORTION
from tests.support.talk import KEY, PLATFORMS, asked, at, deleted, edited, message, page, said, thread


async def ingest(store, *events):
    for event in events:
        await store.questions.ingest(event)


async def texts(store, key=KEY):
    return [one.text for one in (await store.threads.thread(key)).messages]


@pytest.fixture
async def held(store):
    """A thread of ours with messages 1 to 4, as it was read before the platform was asked."""
    await ingest(store, asked("1"), said("2"), said("3"), said("4"))
    return await store.threads.thread(KEY)


@pytest.mark.parametrize(
    ("history", "after"),
    [
        (History((message("1"), message("3"))), ["1", "3"]),
        (History((message("3"),), Reach.TAIL), ["1", "2", "3"]),
        (History((message("2", seconds=1.5),), Reach.TAIL), ["1", "2"]),
        (History((message("3"),), Reach.CHAIN), ["1", "2", "3", "4"]),
        (History((message("3"),), Reach.CHAIN, frozenset({"2", "unknown"})), ["1", "3", "4"]),
        (History((message("3"),), Reach.TAIL, frozenset({"1"})), ["2", "3"]),
        (History((message("0"), message("1"), message("2"), message("9"))), ["0", "1", "2", "9"]),
        (History((), Reach.TAIL), ["1", "2", "3", "4"]),
        (History((), Reach.CHAIN), ["1", "2", "3", "4"]),
        (History(()), []),
    ],
    ids=[
        "what the whole does not show is deleted",
        "a tail buries nothing before it",
        "a tail begins where the platform says",
        "a chain buries nothing",
        "but what is gone",
        "and so with a tail",
        "what is new comes in",
        "an empty tail says nothing",
        "nor an empty chain",
        "an empty whole says all",
    ],
)
async def test_what_is_missing_from_what_was_read_is_deleted_and_what_is_new_comes_in(store, held, history, after):
    await store.threads.refresh(held, history)

    refreshed = await store.threads.thread(KEY)
    assert ([one.id for one in refreshed.messages], refreshed.stale) == (after, False)


async def test_changed_words_and_attachments_are_changed(store, held):
    new = message("2", "better", edited=at(50), attachments=(Attachment("F1", "a", "b", 1),))

    await store.threads.refresh(held, History((message("1"), new, message("3"), message("4"))))

    assert (await store.threads.thread(KEY)).messages[1] == new


async def test_what_was_looked_at_beside_a_message_stays_and_other_quotes_are_what_is_shown(store):
    viewed, forward, preview = Quote("seen", QuoteKind.VIEWED), Quote("old"), Quote("new", QuoteKind.PREVIEW)
    await ingest(store, asked(message("1", quotes=(forward, viewed))))
    held = await store.threads.thread(KEY)
    await store.threads.refresh(held, History((message("1", quotes=(preview,)),)))

    (refreshed,) = (await store.threads.thread(KEY)).messages
    assert refreshed.quotes == (preview, viewed)


async def test_words_edited_after_the_platform_was_read_stay(store, held):
    await ingest(store, edited("2", "newest", 60))

    await store.threads.refresh(held, History((message("1"), message("2", "older", edited=at(50)), message("3"))))

    assert await texts(store) == ["words 1", "newest", "words 3"]


async def test_what_arrived_while_the_platform_was_read_stays(store, held):
    await ingest(store, asked("5"))

    await store.threads.refresh(held, History((message("1"), message("2"), message("3"), message("4"))))

    assert await texts(store) == ["words 1", "words 2", "words 3", "words 4", "words 5"]
    assert (await store.questions.count_open())[0] == 2


async def test_a_thread_stays_stale_when_a_message_came_while_it_was_read(store, held):
    await ingest(store, said("5"))

    await store.threads.refresh(held, History(held.messages))
    stale = await store.threads.thread(KEY)
    await store.threads.refresh(stale, History(held.messages))

    assert stale.stale
    assert await texts(store) == ["words 1", "words 2", "words 3", "words 4"]
    assert not (await store.threads.thread(KEY)).stale


async def test_what_was_deleted_while_the_platform_was_read_does_not_rise(store, held):
    await ingest(store, deleted("2"))

    await store.threads.refresh(held, History(held.messages))

    assert await texts(store) == ["words 1", "words 3", "words 4"]


async def test_what_refreshing_deleted_does_not_rise(store, held):
    await store.threads.refresh(held, History((message("1"),)))

    assert not (await store.questions.ingest(asked("2"))).new
    await store.threads.refresh(await store.threads.thread(KEY), History(held.messages))
    assert await texts(store) == ["words 1"]


async def test_a_question_whose_message_is_gone_is_withdrawn(store, held):
    claim = await store.questions.claim_next("p", PLATFORMS)

    await store.threads.refresh(held, History((message("2"),)))

    assert (await store.questions.heartbeat("p")).withdrawn == {claim.id}


async def test_the_words_of_a_question_in_a_place_of_its_own_are_no_message_of_the_platform(store):
    key = thread("7")
    await ingest(store, asked("7", key, alone=True))
    held = await store.threads.thread(key)

    await store.threads.refresh(held, History((page("8", "7", "the answer"),)))

    assert await texts(store, key) == ["words 7", "the answer"]
    assert (await store.questions.count_open())[0] == 1


async def test_a_message_that_came_in_by_refreshing_can_still_ask(store, held):
    await store.threads.refresh(held, History((*held.messages, message("5"))))

    assert (await store.questions.ingest(asked("5"))).question


async def test_refreshing_twice_changes_nothing(store, held):
    history = History((message("1"), message("3", "x", edited=at(9)), page("5", None, "ours")))
    await store.threads.refresh(held, history)
    once = await store.threads.thread(KEY)

    await store.threads.refresh(held, history)
    await store.threads.refresh(once, history)

    assert await store.threads.thread(KEY) == once


async def test_a_thread_that_is_not_tracked_is_not_refreshed(store):
    nothing = await store.threads.thread(KEY)

    await store.threads.refresh(nothing, History((message("1"),)))

    assert await store.threads.thread(KEY) == nothing


async def answered(store, *pages):
    claim = await store.questions.claim_next("p", PLATFORMS)
    for one in pages:
        await store.questions.record_page(claim, one, at(float(one)))
    await store.questions.store_final_text(claim, Final("kept"))
    await store.questions.close(claim, Outcome.SHOWN)
    return await store.threads.thread(KEY)


async def test_pages_of_ours_say_what_is_shown_and_keep_the_name_of_their_question(store):
    await ingest(store, asked("1"))
    held = await answered(store, "5")

    await store.threads.refresh(held, History((message("1"), page("5", None, "shown", notice=True))))

    refreshed = await store.threads.thread(KEY)
    assert (refreshed.messages[1], refreshed.replies) == (page("5", "1", "shown"), {"1": Final("kept")})


async def test_pages_that_were_never_written_down_come_in(store):
    await ingest(store, asked("1"))
    held = await store.threads.thread(KEY)

    await store.threads.refresh(held, History((message("1"), page("5", "1", "shown"))))

    assert (await store.threads.thread(KEY)).messages[1] == page("5", "1", "shown")


async def test_when_a_page_is_gone_the_reply_is_what_its_other_pages_say(store):
    await ingest(store, asked("1"))
    held = await answered(store, "5", "6")

    await store.threads.refresh(held, History((message("1"), page("6", "1", "rest"))))

    refreshed = await store.threads.thread(KEY)
    assert (refreshed.messages, refreshed.replies, refreshed.stale) == (
        (message("1"), page("6", "1", "rest")),
        {},
        False,
    )


async def test_a_chain_across_two_threads_moves_no_message(store):
    await ingest(store, asked("1"), asked("5", thread("5")))
    held = await store.threads.thread(thread("5"))

    await store.threads.refresh(held, History((message("1", "changed", edited=at(9)), message("5")), Reach.CHAIN))

    assert (await texts(store), await texts(store, thread("5"))) == (["changed"], ["words 5"])


async def test_what_was_forgotten_is_not_read_back(store, held, clock):
    clock.tick(3)
    await store.threads.forget(Scope("slack:T1", "C1", "1"))

    stale = await store.threads.thread(KEY)
    await store.threads.refresh(stale, History((message("0"), *held.messages)))

    assert await texts(store) == []


class Interrupted:
    """An engine that before each unit of work of a refresh lets something happen, told how many there were."""

    def __init__(self, store, happens) -> None:
        self._engine, self._happens, self.units = store.threads._engine, happens, 0

    async def unit(self, work):
        await self._happens(self.units)
        self.units += 1
        return await self._engine.unit(work)


def number(first, last):
    return [message(str(one), seconds=one) for one in range(first, last)]


@pytest.fixture
async def long(store):
    """A thread of so many messages as two portions have, stale again; and what the platform shows now.

    A part of it is as it was, one is edited, one is gone, and one is new.
    """
    await ingest(store, asked("1"))
    await store.threads.refresh(await store.threads.thread(KEY), History(tuple(number(1, 2 * PORTION))))
    await ingest(store, Missed("gap", "slack"))
    changed = [message(one.id, "better", seconds=int(one.id), edited=at(9000)) for one in number(PORTION, PORTION + 50)]
    return History((*number(1, PORTION), *changed, *number(2 * PORTION, 3 * PORTION)))


async def test_a_long_thread_is_refreshed_in_portions_and_is_stale_until_the_last_wherever_it_dies(store, long):
    died = []
    for dies in range(3):

        async def die(units, dies=dies):
            if units == dies:
                raise StoreUnavailable("killed")

        stale = await store.threads.thread(KEY)
        with pytest.raises(StoreUnavailable):
            await ThreadRepository(Interrupted(store, die)).refresh(stale, long)
        died.append((await store.threads.thread(KEY)).stale)

    async def live(_units):
        """Nothing happens."""

    counted = Interrupted(store, live)
    await ThreadRepository(counted).refresh(await store.threads.thread(KEY), long)

    refreshed = await store.threads.thread(KEY)
    assert (died, counted.units) == ([True] * 3, 3)
    assert (refreshed.messages, refreshed.stale) == (long.messages, False)


async def test_what_comes_between_two_portions_is_as_if_it_had_come_before_all_of_them(store, long):
    newest = str(3 * PORTION - 1)

    async def happen(units):
        if units == 1:
            await ingest(store, said("9999"), deleted(newest), edited("220", "newest", 9999))

    stale = await store.threads.thread(KEY)
    await ThreadRepository(Interrupted(store, happen)).refresh(stale, long)

    refreshed = await store.threads.thread(KEY)
    texts = {one.id: one.text for one in refreshed.messages}
    assert (newest in texts, texts["220"], texts["9999"]) == (False, "newest", "words 9999")
    assert refreshed.stale
    assert len(texts) == len(long.messages)


async def test_a_thread_that_is_forgotten_between_two_portions_stays_so(store, long, clock):
    async def forget(units):
        if units == 1:
            clock.tick(9000)
            await store.threads.forget(Scope("slack:T1", "C1", "1"))

    stale = await store.threads.thread(KEY)
    await ThreadRepository(Interrupted(store, forget)).refresh(stale, long)

    assert await texts(store) == []
