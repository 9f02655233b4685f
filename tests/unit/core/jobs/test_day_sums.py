"""The day sum worker counts what is due in each workspace, leaves the store to others in between, and goes on.

Tests core.jobs.day_sums.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.domain.errors import StoreUnavailable
from core.jobs.day_sums import REST, RETRY, DaySumWorker
from core.jobs.pace import PACE
from core.store.records.reports.day_sums import DayCount, DayPart, WorkspaceDays
from core.store.sql_port import stamp

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"
DAY = ("a", "b")


class Enough(Exception):
    """A worker has slept as often as a test wants to see."""


class Sums:
    """Counts on paper: of each workspace so many steps are left, and an error is raised where one stands."""

    def __init__(self, **workspaces: int | Exception) -> None:
        self.steps = workspaces
        self.done: list[tuple] = []
        self.held = {*workspaces}
        self.waiting = False

    async def list_workspaces(self, after, zone):
        return [WorkspaceDays(name, zone, due=self.steps[name] != 0) for name in sorted(self.steps) if name > after][:2]

    async def begin(self, workspace, zone, midnights):
        steps = self.steps[workspace]
        if isinstance(steps, Exception):
            raise steps
        self.done.append(("begin", workspace, zone, len(midnights), stamp(midnights[0]), stamp(midnights[-1])))
        if workspace not in self.held:
            return None
        return DayCount(workspace, "t", [DayPart(DAY, *DAY)] * steps, waiting=self.waiting)

    async def go_on(self, count):
        self.done.append(("go on", count.workspace))
        return replace(count, left=count.left[1:]) if count.workspace in self.held else None

    async def end(self, count, pause):
        self.done.append(("end", count.workspace, pause))


def work(sums, sleep=None, now=NOW, zone="UTC"):
    async def rest(seconds):
        sums.done.append(("rest", seconds))

    return DaySumWorker(sums, zone, lambda: now, sleep or rest)


async def test_each_workspace_that_is_due_is_counted_with_a_rest_before_each_step():
    sums = Sums(a=2, b=0, c=1)

    await work(sums).count_all()

    begin = (90, "2026-08-23T00:00:00.000000+00:00", "2026-11-20T00:00:00.000000+00:00")
    step = ("rest", REST)
    tomorrow = timedelta(hours=15, minutes=1)
    assert sums.done == [
        *(step, ("begin", "a", "UTC", *begin)),
        *(step, ("go on", "a")),
        *(step, ("go on", "a")),
        ("end", "a", tomorrow),
        *(step, ("begin", "c", "UTC", *begin)),
        *(step, ("go on", "c")),
        ("end", "c", tomorrow),
    ]


async def test_what_another_process_counts_or_has_taken_over_is_left_to_it():
    sums = Sums(a=3)
    sums.held.clear()

    await work(sums).count_all()

    assert [one[0] for one in sums.done] == ["rest", "begin"]


async def test_a_count_that_is_lost_in_between_is_not_ended():
    sums = Sums(a=3)

    async def lose(_seconds):
        if sums.done:
            sums.held.clear()

    await work(sums, lose).count_all()

    assert [one[0] for one in sums.done] == ["begin", "go on"]


@pytest.mark.parametrize(
    ("now", "zone", "pause"),
    [
        (NOW.replace(hour=0, minute=30), "UTC", timedelta(minutes=31)),
        (NOW.replace(hour=1, minute=1), "UTC", timedelta(days=1)),
        (NOW, BERLIN, timedelta(hours=14, minutes=1)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), BERLIN, timedelta(hours=23, minutes=31)),
    ],
    ids=["yesterday is not over for all yet", "now it is", "elsewhere", "a day of 25 hours"],
)
async def test_the_next_day_is_due_an_hour_after_it_is_over(now, zone, pause):
    sums = Sums(a=1)

    await work(sums, now=now, zone=zone).count_all()

    assert sums.done[-1] == ("end", "a", pause)


async def test_a_day_of_which_a_request_is_under_way_is_looked_at_again_soon():
    sums = Sums(a=1)
    sums.waiting = True

    await work(sums).count_all()

    assert sums.done[-1] == ("end", "a", RETRY)


async def run(sums, times):
    """What the worker sleeps, so many times."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) == times:
            raise Enough

    with pytest.raises(Enough):
        await work(sums, sleep).run()
    return slept


async def test_a_bug_costs_only_the_workspace_that_meets_it(caplog):
    sums = Sums(a=KeyError("bug"), b=1)

    slept = await run(sums, 5)

    assert slept == [PACE.settling, REST, REST, REST, PACE.days]
    assert [one[:2] for one in sums.done] == [("begin", "b"), ("go on", "b"), ("end", "b")]
    assert "a bug kept the days of a from being counted" in caplog.text


async def test_a_store_that_is_away_is_asked_again_after_ten_minutes(caplog):
    caplog.set_level("INFO")
    sums = Sums(a=StoreUnavailable("away"), b=1)

    slept = await run(sums, 5)

    assert slept == [PACE.settling, REST, PACE.days, REST, PACE.days]
    assert (sums.done, PACE.days) == ([], 600)
    assert "days that are over can't be counted: away" in caplog.text
