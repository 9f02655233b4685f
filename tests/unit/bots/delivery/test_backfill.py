"""Catching up: each gap is looked through, what is found is told, and only then is it no longer behind."""

import asyncio

import pytest

from bots.delivery.backfill import BETWEEN, ROUND, SETTLE, TRIES, Backfill, BackfillProgress
from core.domain.backoff import FIRST, JITTER
from core.domain.errors import StoreUnavailable
from core.domain.events import Backfilled, Missed, MissedRange, Posted, Receipt
from core.domain.messages import ThreadKey
from core.telemetry import BackfillAdvanced
from tests.support.talk import asked, at, deleted, edited, perhaps, thread
from tests.support.waiting import let_others_run

ALL = Missed("g", "slack")
ONE, TWO = MissedRange("slack:T1", at(0)), MissedRange("slack:T2", at(0))


class World:
    """A store that asks for what `missed` says, a search that finds `events`, and everything in its order."""

    def __init__(self, *missed: MissedRange, events: tuple[Posted, ...] = ()) -> None:
        self.missed = missed
        self.events = events
        self.happened: list[object] = []
        self.failures: list[Exception] = []
        self.finding = asyncio.Event()
        self.finding.set()

    async def ingest(self, event):
        if self.failures:
            raise self.failures.pop()
        self.happened.append(event.workspace if isinstance(event, Backfilled) else event.id)
        gap = isinstance(event, Missed)
        question = isinstance(event, Posted) and event.asks.value == "certainly"
        return Receipt(
            new=True, ours=False, question=question, key=ThreadKey("", "", ""), missed=self.missed if gap else ()
        )

    async def find(self, missed, progress):
        self.happened.append(f"look in {missed.workspace}")
        await self.finding.wait()
        return self.events

    async def sleep(self, seconds):
        self.happened.append(seconds)
        await asyncio.sleep(0)

    async def until(self, *happened):
        async with asyncio.timeout(30):
            while self.happened != list(happened):
                await asyncio.sleep(0)


@pytest.fixture
def world():
    return World(ONE, events=(asked("1"), perhaps("2"), asked("3")))


def catching(world) -> Backfill:
    return Backfill(world.ingest, world.find, world.sleep)


ROUNDS = [SETTLE, "look in slack:T1", "event-1", BETWEEN, "event-2", "event-3", BETWEEN, "slack:T1", ROUND]


async def test_what_is_found_is_told_at_leisure_and_then_the_workspace_is_caught_up(world):
    await catching(world).ingest(ALL)

    await world.until("g", *ROUNDS)


async def looking(world) -> Backfill:
    """What has just begun to look; it finds nothing until `world.finding` is set."""
    catcher = catching(world)
    world.finding.clear()
    await catcher.ingest(ALL)
    await world.until("g", SETTLE, "look in slack:T1")
    return catcher


async def test_what_is_deleted_while_we_look_for_it_is_not_told(world):
    catcher = await looking(world)
    for event in (deleted("1"), edited("1", "changed", 30), deleted("2", thread("1", channel="C2"))):
        await catcher.ingest(event)
    world.finding.set()

    heard = ["delete-1", "edit-1-30", "delete-2"]
    await world.until("g", *ROUNDS[:2], *heard, "event-2", "event-3", BETWEEN, "slack:T1", ROUND)


async def test_what_is_edited_while_we_look_for_it_is_told_with_its_last_edit(world):
    catcher = await looking(world)
    for event in (edited("2", "changed", 30), edited("2", "changed again", 40)):
        await catcher.ingest(event)
    world.finding.set()

    heard, found = ["edit-2-30", "edit-2-40"], ["event-1", BETWEEN, "event-2", "edit-2-40", "event-3", BETWEEN]
    await world.until("g", *ROUNDS[:2], *heard, *found, "slack:T1", ROUND)


async def test_what_is_deleted_while_the_store_takes_it_is_deleted_behind_it(world):
    async def ingest(event):
        if event.id == "event-3":
            await catcher.ingest(deleted("3"))
        return await world.ingest(event)

    catcher = Backfill(ingest, world.find, world.sleep)
    await catcher.ingest(ALL)

    await world.until("g", *ROUNDS[:-4], "delete-3", "event-3", "delete-3", BETWEEN, "slack:T1", ROUND)


async def test_what_was_deleted_before_we_looked_is_told_if_it_is_found(world):
    """It can't be: the platform shows it no more. So nothing is remembered while nobody looks."""
    catcher = catching(world)
    await catcher.ingest(deleted("1"))
    await catcher.ingest(ALL)

    await world.until("delete-1", "g", *ROUNDS)


async def test_where_nothing_was_missed_nothing_is_looked_for():
    world = World()
    await catching(world).ingest(ALL)
    await catching(world).ingest(asked("1"))
    await let_others_run()

    assert world.happened == ["g", "event-1"]


async def test_a_gap_that_comes_during_a_look_is_looked_through_after_it(world):
    catcher = catching(world)
    world.finding.clear()
    await catcher.ingest(ALL)
    await world.until("g", SETTLE, "look in slack:T1")
    await catcher.ingest(ALL)
    await catcher.ingest(ALL)
    world.finding.set()

    behind = [one for one in ROUNDS[2:] if one != "slack:T1"]
    await world.until("g", SETTLE, "look in slack:T1", "g", "g", *behind, *ROUNDS)


async def test_gaps_every_few_seconds_are_looked_through_once_a_round(world):
    world.events = ()
    catcher = catching(world)
    await catcher.ingest(ALL)
    await world.until("g", SETTLE, "look in slack:T1", "slack:T1", ROUND)
    await catcher.ingest(ALL)

    again = ["g", SETTLE, "look in slack:T1", "slack:T1", ROUND]
    await world.until(*again, *again)


@pytest.mark.parametrize("failures", [1, TRIES + 1], ids=["once", "always"])
async def test_a_look_that_fails_is_tried_again_and_does_not_keep_the_next_from_it(world, caplog, failures):
    world.missed, finding, failed = (ONE, TWO), world.find, []

    async def find(missed, progress):
        if missed == ONE and len(failed) < failures:
            failed.append(missed)
            raise RuntimeError("a bug")
        return await finding(missed, progress)

    world.events = ()
    await Backfill(world.ingest, find, world.sleep).ingest(ALL)

    again = [SETTLE, "look in slack:T1", "slack:T1", ROUND] if failures == 1 else [SETTLE, ROUND] * TRIES
    await world.until("g", SETTLE, "look in slack:T2", "slack:T2", ROUND, *again)
    assert caplog.text.count("what was missed in slack:T1 could not be looked for") == failures


async def test_what_the_store_does_not_take_is_told_again(world, caplog):
    catcher = catching(world)
    world.finding.clear()
    await catcher.ingest(ALL)
    await world.until("g", SETTLE, "look in slack:T1")
    world.failures = [StoreUnavailable("the disk is full")]
    world.finding.set()

    await world.until("g", *ROUNDS[:2], pytest.approx(FIRST * (1 + JITTER / 2), abs=FIRST * JITTER / 2), *ROUNDS[2:])
    assert "waits for the database: the disk is full" in caplog.text


async def test_when_it_stops_it_looks_no_further(world):
    catcher = catching(world)
    world.finding.clear()
    await catcher.ingest(ALL)
    await world.until("g", SETTLE, "look in slack:T1")
    await catcher.stop()
    world.finding.set()
    await let_others_run()

    assert world.happened == ["g", SETTLE, "look in slack:T1"]


async def test_the_log_says_what_waits_to_be_read_once_a_minute_how_far_it_is_and_the_end(world, caplog):
    caplog.set_level("INFO", "bots.delivery.backfill")
    now, told = [0.0], []

    async def find(missed, progress):
        progress.expect(80)
        for number in range(90):
            if number == 20:
                progress.expect(10)
            now[0] += 2.0
            progress.advance()
        return await world.find(missed, progress)

    await Backfill(world.ingest, find, world.sleep, told.append, lambda: now[0]).ingest(ALL)
    await world.until("g", *ROUNDS)

    looking = "looking for what was missed in slack:T1 since 12:00:00:"
    assert caplog.messages == [
        f"{looking} 80 channels and threads",
        f"{looking} 30 of 90 channels and threads read, about 2 minutes to go",
        f"{looking} 60 of 90 channels and threads read, about 1 minute to go",
        "caught up in slack:T1: 2 missed since 12:00:00",
    ]
    assert [told[0], told[1], *told[-2:]] == [BackfillAdvanced("slack:T1", left) for left in (80, 79, 0, 0)]


async def test_a_look_that_fails_or_is_stopped_leaves_nothing_to_be_read(world):
    told = []

    async def find(missed, progress):
        progress.expect(80)
        raise RuntimeError("a bug")

    await Backfill(world.ingest, find, world.sleep, told.append).ingest(ALL)
    await world.until("g", SETTLE, ROUND, *[SETTLE, ROUND] * TRIES)

    assert told == [BackfillAdvanced("slack:T1", left) for _ in range(TRIES + 1) for left in (80, 0)]


async def test_where_nothing_has_to_be_read_the_log_says_nothing_of_it(caplog):
    caplog.set_level("INFO", "bots.delivery.backfill")
    BackfillProgress(ONE).expect(0)

    assert caplog.messages == []
