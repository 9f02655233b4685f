"""The schedule worker: it sleeps until something is due, and leaves each run once, whatever happens in between.

Tests core.jobs.schedules.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands.schedules.recurrence import Recurrence
from core.domain.messages import HEADING, SINCE_RUN, ZONE, Question, ThreadKey
from core.jobs.schedules import POLL, ScheduleWorker, build_run
from core.store import open_store
from core.store.records.schedules import YOUNG, NewSchedule, Schedule, ScheduleChange
from core.store.sql_port import stamp
from tests.support.clock import ManualClock
from tests.support.short_form import examples
from tests.support.talk import NOON

HERE = ThreadKey("slack:T1", "C1", "")
BERLIN = "Europe/Berlin"
CRONS = ("0 * * * *", "*/15 * * * *", "30 9 * * 1-5", "0 9,17 * * *", "30 2 * * *")


class Enough(Exception):
    """A worker has slept as often as a test wants to see."""


@pytest.fixture
async def store(clock):
    opened = await open_store("sqlite://", clock=clock)
    yield opened
    await opened.shut()


async def add(store, cron: str = "0 * * * *", due: datetime | None = None, source: str = "k1", zone: str = BERLIN):
    due = due or Recurrence(cron).find_next(zone, NOON)
    return await store.schedules.add(NewSchedule(HERE, source, "U1", cron, zone, "summarize", prompt=False, due_at=due))


async def sleeps(store, clock, times: int, platforms=("slack",)) -> list[float]:
    """How long a worker sleeps, so many times; the clock goes on meanwhile."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)
        clock.tick(seconds)
        if len(found) == times:
            raise Enough

    with pytest.raises(Enough):
        await ScheduleWorker(store.schedules, lambda: platforms, lambda: None, sleep).run()
    return found


async def test_where_nothing_is_scheduled_it_looks_every_ten_seconds(store, clock):
    assert await sleeps(store, clock, 3) == [POLL] * 3


async def test_it_wakes_when_the_next_schedule_is_due_and_not_before(store, clock):
    await add(store, due=NOON + timedelta(seconds=13))

    assert await sleeps(store, clock, 3) == [POLL, 3.0, POLL]
    assert (await store.questions.count_open())[0] == 1


async def test_more_schedules_than_are_looked_up_at_once_are_all_left(store, clock):
    for number in range(24):
        await add(store, due=NOON, source=f"k{number}")

    await ScheduleWorker(store.schedules, lambda: ["slack"], lambda: None).leave_due()

    assert (await store.questions.count_open())[0] == 24


@pytest.mark.parametrize("zone", ["Mars/Olympus", "europe/berlin/", "../etc", "Europe", ""])
async def test_one_whose_zone_is_not_known_here_has_a_last_run_and_holds_up_no_other(store, clock, zone):
    await add(store, due=NOON, zone=zone)
    await add(store, due=NOON, source="k2")

    slept = await sleeps(store, clock, 2)

    assert slept == [POLL] * 2
    assert (await store.questions.count_open())[0] == 2
    assert [one.due_at is None for one in await store.schedules.list(HERE)] == [True, False]


async def test_a_bug_costs_only_the_schedule_that_meets_it(store, clock, caplog):
    class Faulty:
        """The schedules, of which one is not taken by the store, as by a bug."""

        list_due = staticmethod(store.schedules.list_due)

        @staticmethod
        async def leave_run(schedule, *others):
            if schedule.number == 1:
                raise ZeroDivisionError
            return await store.schedules.leave_run(schedule, *others)

    await add(store, due=NOON)
    await add(store, due=NOON, source="k2")

    left = await ScheduleWorker(Faulty(), lambda: ["slack"], lambda: None).leave_due()

    assert left == POLL
    assert (await store.questions.count_open())[0] == 1
    assert "a bug kept schedule 1 from its run" in caplog.text


async def test_the_worker_outlives_a_bug_in_the_look_up(store, caplog):
    slept = []

    class Faulty:
        """Schedules that can't be looked up."""

        @staticmethod
        async def list_due(*_):
            raise ZeroDivisionError

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise Enough

    with pytest.raises(Enough):
        await ScheduleWorker(Faulty(), lambda: ["slack"], lambda: None, sleep).run()

    assert slept == [POLL] * 2
    assert "a bug kept schedules from being looked for" in caplog.text


def test_a_run_says_of_which_schedule_and_time_it_is_and_since_when_it_tells():
    due = datetime.fromisoformat("2026-11-30T08:00:00+00:00")
    schedule = Schedule(7, 2, "slack:T1", "C1", "U1", "0 9 * * 1-5", BERLIN, "summarize", prompt=False, due_at=due)

    assert build_run(schedule, due) == Question(
        key=HERE,
        name="run-7-1796025600000",
        person="U1",
        at=due,
        command="summarize",
        values={
            HEADING: "Schedule 2 of Mon 30 Nov 2026, 09:00",
            SINCE_RUN: stamp(datetime.fromisoformat("2026-11-27T08:00:00+00:00")),
            ZONE: BERLIN,
        },
        schedule=7,
    )


@dataclass(frozen=True, slots=True)
class Pass:
    """Time passes."""

    minutes: int


@dataclass(frozen=True, slots=True)
class Look:
    """One of three processes looks for what is due; or all of them are away until then, if none does."""

    process: int


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody pauses or resumes the schedule."""

    pause: bool


@dataclass
class World:
    """What should have been left: the newest time at each look, if it was young."""

    recurrence: Recurrence
    due: datetime | None
    left: list[datetime] = field(default_factory=list)
    paused: bool = False

    def look(self, now: datetime) -> None:
        if self.due is None or self.due > now:
            return
        newest = self.recurrence.find_newest(BERLIN, self.due, now)
        if now - newest <= YOUNG:
            self.left.append(newest)
        self.due = self.recurrence.find_next(BERLIN, now)

    def change(self, now: datetime, pause: bool) -> None:
        if pause != self.paused:
            self.paused, self.due = pause, None if pause else self.recurrence.find_next(BERLIN, now)


steps = st.lists(
    st.one_of(
        st.builds(Pass, st.sampled_from([1, 7, 14, 15, 16, 45, 59, 60, 61, 300, 1440])),
        st.builds(Look, st.integers(0, 2)),
        st.builds(Change, st.booleans()),
    ),
    max_size=30,
)


@pytest.mark.slow
@examples(25)
@given(st.sampled_from(CRONS), steps, st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
async def test_whatever_happens_each_time_is_left_once_and_no_later_than_an_hour(cron, happens, begins):
    clock = ManualClock(begins.replace(tzinfo=NOON.tzinfo))
    store = await open_store("sqlite://", clock=clock)
    world = World(Recurrence(cron), Recurrence(cron).find_next(BERLIN, clock()))
    kept = await add(store, cron, world.due)
    workers = [ScheduleWorker(store.schedules, lambda: ["slack"], lambda: None) for _ in range(3)]
    for step in happens:
        if isinstance(step, Pass):
            clock.tick(60 * step.minutes)
        elif isinstance(step, Look):
            await workers[step.process].leave_due()
            world.look(clock())
        else:
            asked = Question(HERE, "k2", "U1", clock())
            change = ScheduleChange.PAUSE if step.pause else ScheduleChange.RESUME
            await store.schedules.change(asked, 1, change, Recurrence(cron).find_next(BERLIN, clock()))
            world.change(clock(), step.pause)
    left = []
    while claim := await store.questions.claim_next("p1", ["slack"]):
        left.append(claim.question.at)
    await store.shut()

    assert sorted(left) == world.left
    assert len(set(left)) == len(left)
    assert all(world.recurrence.find_next(kept.zone, at - timedelta(seconds=1)) == at for at in left)
