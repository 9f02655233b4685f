"""What a platform says again only so often is told until it is safe on disk."""

import asyncio
from dataclasses import replace

import pytest

from bots.delivery.at_least_once import Redelivery, persist
from core.domain.backoff import FIRST, JITTER
from core.domain.errors import StoreUnavailable
from core.domain.events import Receipt
from core.domain.messages import ThreadKey
from tests.support.talk import asked, commanded
from tests.support.waiting import let_others_run

HEARD = Receipt(new=True, ours=True, question=True, key=ThreadKey("slack:T1", "C1", "1"))


class Ear:
    """Hears what it is told, after as many failures as it has; and how long is slept between."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.heard: list[str] = []
        self.slept: list[float] = []

    async def ingest(self, event) -> Receipt:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the disk is full")
        self.heard.append(event.id)
        return HEARD

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def until(self, *heard: str) -> None:
        async with asyncio.timeout(30):
            while self.heard != list(heard):
                await asyncio.sleep(0)


def pause_of(seconds: float) -> float:
    """A pause without its jitter."""
    return max(FIRST * 2**number for number in range(6) if FIRST * 2**number <= seconds <= FIRST * (2**number + JITTER))


async def test_an_event_is_told_until_it_is_safe_with_longer_and_longer_pauses(caplog):
    ear = Ear(failures=3)

    assert await persist(ear.ingest, asked("1"), ear.sleep) == HEARD
    assert [pause_of(seconds) for seconds in ear.slept] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert caplog.text.count("an event waits for the database: the disk is full") == 3


async def test_what_is_safe_may_be_acknowledged():
    ear = Ear()

    assert await Redelivery(ear.ingest).store_events([asked("1"), asked("2")]) == [HEARD, HEARD]
    assert ear.heard == [asked("1").id, asked("2").id]


async def test_what_is_not_safe_is_not_acknowledged_and_told_again_beside_what_comes_next():
    ear = Ear(failures=2)
    telling = Redelivery(ear.ingest, ear.sleep)

    assert await telling.store_events([asked("1")]) is None
    await ear.until(asked("1").id)
    assert [pause_of(seconds) for seconds in ear.slept] == [FIRST]


async def test_what_comes_again_meanwhile_is_told_again_only_once():
    ear = Ear(failures=2)
    telling = Redelivery(ear.ingest, ear.sleep)

    assert [await telling.store_events([asked("1")]), await telling.store_events([asked("1")])] == [None, None]
    await ear.until(asked("1").id)
    await let_others_run()

    assert ear.heard == [asked("1").id]


async def test_a_command_that_was_said_to_have_failed_does_not_happen_later():
    ear = Ear(failures=1)

    assert await Redelivery(ear.ingest, ear.sleep).store_events([commanded("persona show")]) is None
    await let_others_run()

    assert (ear.heard, ear.slept) == ([], [])


async def test_when_it_stops_nothing_is_told_any_more():
    ear = Ear(failures=10**6)
    telling = Redelivery(ear.ingest, ear.sleep)
    await telling.store_events([asked("1"), replace(asked("2"), id="e2")])
    await telling.stop()
    tries = len(ear.slept)
    await let_others_run()

    assert len(ear.slept) == tries


@pytest.fixture(autouse=True)
async def nothing_is_left():
    yield
    left = [task for task in asyncio.all_tasks() if task.get_name().startswith("telling")]
    assert left == []
