"""What the requests of ended days came to is kept, and is always what counting them gives.

Tests core.store.rules.reports.day_sums, core.store.rules.reports.day_sum_progress, core.store.rules.reports.day_parts
and core.store.records.reports.day_sums.
"""

import random
from datetime import timedelta

import pytest

from core.billing.budgets import Budget, Period, find_period_start, list_midnights
from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.domain.messages import ThreadKey
from core.domain.usage import Usage
from core.store.records.reports.activity import DayCost
from core.store.records.reports.day_sums import WorkspaceDays
from core.store.rules.reports.day_parts import ROOM
from core.store.rules.reports.day_sum_progress import FEW, LEASE
from core.store.sql_port import stamp
from tests.support.talk import NOON

HERE, UTC, BERLIN = "slack:T1", "UTC", "Europe/Berlin"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BY = ["channel", "person", "model", "persona", "miss", "quarter", "bill"]


def write_request(at, number, workspace=HERE):
    """The row of a request that has ended, in which all that reports tell differs from the next one's."""
    dice = random.Random(number)
    used = {name: dice.choice([None, dice.randrange(50)]) for name in ("thinking", "cache_read", "cache_write_1h")}
    return {
        "workspace": workspace,
        "channel": f"C{number % 3}",
        "thread": "t",
        "question": "q",
        "person": f"U{number % 5}",
        "at": stamp(at),
        "state": "settled" if number % 4 else "died",
        "model": "m1",
        "answered_by": dice.choice([None, "m2"]),
        "persona": number % 3,
        "persona_wide": dice.choice([None, True, False]),
        "miss": dice.choice([None, "grew"]),
        "input": dice.randrange(900) if number % 4 else None,
        "input_bound": 1000,
        "output": dice.randrange(90) if number % 4 else None,
        "output_bound": 100,
        "bound": 5000,
        "micro_usd": dice.choice([None, dice.randrange(5000)]),
        "saved": dice.choice([None, 3]),
        "estimate": dice.choice([None, 1]),
        **used,
    }


async def fill_days(store, counts, workspace=HERE):
    """So many requests in each of the last days: today is the first."""

    def write(sql):
        for day, count in enumerate(counts):
            for number in range(count):
                at = NOON - timedelta(days=day, hours=11, minutes=59) + timedelta(seconds=number % 701)
                sql.insert("requests", write_request(at, number + day, workspace))

    await store.reports.engine.unit(write)


async def request(store, at, *, settled=True):
    """A request that begins now in a process which takes that for the time."""
    planned = PlannedRequest(ThreadKey(HERE, "C1", "t"), "q", "U1", "m", 1, 100, 9, at, 50)
    reserved = await store.ledger.reserve(planned, [])
    if settled:
        await settle(store, reserved)
    return reserved


async def settle(store, reserved):
    await store.ledger.settle(reserved, Settlement(Usage(4, 3), "end_turn", NOON, "m2", "r", 7, 2))


def find_midnights(now, zone=UTC, days=6):
    return list_midnights(find_period_start(Period.DAY, now, zone) - timedelta(days=days - 1), now, zone)


async def count_days(store, clock, zone=UTC):
    """Count what is due; in how many steps. None where nothing was."""
    count, steps = await store.day_sums.begin(HERE, zone, find_midnights(clock(), zone)), 0
    if count is None:
        return None
    while count.left:
        count, steps = await store.day_sums.go_on(count), steps + 1
    await store.day_sums.end(count, DAY)
    return steps


async def list_kept(store):
    """How many hours ago each of the days began of which all sums are kept."""
    asked = "SELECT since, count(*) AS count FROM day_sums GROUP BY since ORDER BY since"
    rows = await store.reports.engine.unit(lambda sql: sql.many(asked, {}))
    assert {row["count"] for row in rows} <= {5}
    return [row["since"] for row in rows]


async def list_days(store, clock, *numbers):
    return [stamp(find_midnights(clock())[one]) for one in numbers]


async def compare(store, clock, zone=UTC):
    """All that pages tell is what the ledger's rows come to."""
    midnights = find_midnights(clock(), zone)
    plain = {by: await store.ledger.sum_usage(Scope(HERE), midnights[0], by) for by in BY}
    shown = {by: await store.reports.sum_usage(HERE, midnights, by) for by in BY}
    days = await store.reports.sum_usage(HERE, midnights, "day")
    costs = await store.reports.sum_costs(Scope(HERE), midnights)
    assert all(plain.values())
    assert shown == plain
    assert [(one.requests, one.micro_usd) for one in days] == [
        (one.requests, one.micro_usd) for one in costs if one.requests
    ]
    assert sum(costs, DayCost()).micro_usd == sum(line.micro_usd for line in plain["model"])


async def drop_requests(store):
    await store.reports.engine.unit(lambda sql: sql.execute("DELETE FROM requests", {}))


async def test_the_kept_sums_of_days_are_what_counting_their_requests_gives_and_these_are_read_no_more(store, clock):
    await fill_days(store, [40, ROOM + 150, 120, FEW - 1, 130, 110])

    await compare(store, clock)
    before = [await store.reports.sum_usage(HERE, find_midnights(clock()), by) for by in (*BY, "day")]
    assert await list_kept(store) == []
    steps = await count_days(store, clock)
    await compare(store, clock)
    after = [await store.reports.sum_usage(HERE, find_midnights(clock()), by) for by in (*BY, "day")]

    assert after == before
    assert steps == 2
    assert await list_kept(store) == await list_days(store, clock, 0, 1, 3, 4)
    await drop_requests(store)
    kept = await store.reports.sum_usage(HERE, find_midnights(clock()), "day")
    assert [one.requests for one in kept] == [110, 130, 120, ROOM + 150]


async def test_no_step_counts_more_requests_than_fit_but_those_of_one_moment(store, clock):
    await fill_days(store, [0, ROOM * 2 + 300])

    count, left = await store.day_sums.begin(HERE, UTC, find_midnights(clock())), []
    while count.left:
        count = await store.day_sums.go_on(count)
        counted = [sum(row[0] for row in sums.values()) for sums in count.counted.values()]
        left.append((len(count.left), {*counted}))

    moment = 7  # requests of a second
    assert [(parts, len(counted)) for parts, counted in left] == [(1, 1), (1, 1), (0, 1)]
    assert ROOM <= left[0][1].pop() < ROOM + moment
    assert 2 * ROOM <= left[1][1].pop() < 2 * (ROOM + moment)


async def test_a_count_is_one_processs_until_it_stood_still_for_half_a_minute_and_then_keeps_nothing(store, clock):
    await fill_days(store, [0, 150])
    midnights = find_midnights(clock())

    first = await store.day_sums.begin(HERE, UTC, midnights)
    clock.tick(LEASE.total_seconds() - 1)
    meanwhile = await store.day_sums.begin(HERE, UTC, midnights)
    clock.tick(1)
    second = await store.day_sums.begin(HERE, UTC, midnights)

    assert meanwhile is None
    assert await store.day_sums.go_on(first) is None
    await store.day_sums.end(first, DAY)
    assert await list_kept(store) == []
    assert await store.day_sums.go_on(second) is not None
    assert len(await list_kept(store)) == 1


async def test_a_process_with_another_time_zone_takes_no_count_from_who_has_it(store, clock):
    await fill_days(store, [0, ROOM + 200])

    await store.day_sums.begin(HERE, UTC, find_midnights(clock()))

    assert await store.day_sums.begin(HERE, BERLIN, find_midnights(clock(), BERLIN)) is None


async def test_a_count_that_a_wrong_clock_put_off_for_months_is_due(store, clock):
    await fill_days(store, [0, 130])
    count = await store.day_sums.begin(HERE, UTC, find_midnights(clock()))
    await store.day_sums.end(count, 400 * DAY)

    (found,) = await store.day_sums.list_workspaces("", UTC)

    assert found.due
    assert await count_days(store, clock) == 1


async def test_a_day_that_is_not_over_for_all_yet_is_waited_for(store, clock):
    await fill_days(store, [0, 130])
    later = [*find_midnights(clock()), find_midnights(clock())[-1] + DAY]  # of a process that is ahead

    count = await store.day_sums.begin(HERE, UTC, later)

    assert count.waiting


async def test_each_step_holds_a_count_for_half_a_minute_more(store, clock):
    await fill_days(store, [0, 150])
    midnights = find_midnights(clock())

    count = await store.day_sums.begin(HERE, UTC, midnights)
    clock.tick(29)
    await store.day_sums.go_on(count)
    clock.tick(29)

    assert await store.day_sums.begin(HERE, UTC, midnights) is None


async def test_a_request_that_begins_late_while_its_day_is_counted_ends_the_count(store, clock):
    await fill_days(store, [0, 150, 150])

    count = await store.day_sums.begin(HERE, UTC, find_midnights(clock()))
    await request(store, NOON - DAY)
    lost = await store.day_sums.go_on(count)
    kept = await list_kept(store)
    await count_days(store, clock)

    assert (lost, kept) == (None, [])
    assert len(await list_kept(store)) == 2
    await compare(store, clock)


async def test_a_request_that_begins_late_in_a_day_that_is_kept_is_in_its_sums_at_once_and_after_they_are_kept_again(
    store, clock
):
    await fill_days(store, [0, 150, 150, 150])
    await count_days(store, clock)

    await request(store, NOON - 2 * DAY)
    await compare(store, clock)
    due = (await store.day_sums.list_workspaces("", UTC))[0].due
    steps = await count_days(store, clock)
    await compare(store, clock)

    assert (due, steps) == (True, 1)
    assert len(await list_kept(store)) == 3
    await drop_requests(store)
    kept = await store.reports.sum_usage(HERE, find_midnights(clock()), "day")
    assert [one.requests for one in kept] == [150, 151, 150]


async def test_what_a_late_request_did_not_touch_stays_kept(store, clock):
    await fill_days(store, [0, 150, 150, 150])
    await count_days(store, clock)
    await request(store, NOON - 2 * DAY)

    await drop_requests(store)

    assert [one.requests for one in await store.reports.sum_usage(HERE, find_midnights(clock()), "day")] == [150]


async def test_a_request_of_today_leaves_kept_days_as_they_are(store, clock):
    await fill_days(store, [0, 150])
    await count_days(store, clock)

    await request(store, NOON)

    assert [one.due for one in await store.day_sums.list_workspaces("", UTC)] == [False]
    await drop_requests(store)
    assert [one.requests for one in await store.reports.sum_usage(HERE, find_midnights(clock()), "day")] == [150]


async def test_a_day_of_which_a_request_is_under_way_is_kept_after_its_end(store, clock):
    await fill_days(store, [0, 150, 150])
    under_way = await request(store, NOON - 2 * DAY, settled=False)

    count = await store.day_sums.begin(HERE, UTC, find_midnights(clock()))
    while count.left:
        count = await store.day_sums.go_on(count)
    await store.day_sums.end(count, timedelta())
    first = await list_kept(store)
    await settle(store, under_way)
    await count_days(store, clock)

    assert count.waiting
    assert first == await list_days(store, clock, 4)
    assert await list_kept(store) == await list_days(store, clock, 3, 4)
    await compare(store, clock)


@pytest.mark.parametrize(("hours", "kept"), [(12.9, 0), (13, 1)])
async def test_a_day_is_kept_an_hour_after_its_end(store, clock, hours, kept):
    await fill_days(store, [150])
    clock.tick(hours * 3600)

    await count_days(store, clock)

    assert len(await list_kept(store)) == kept


async def test_another_time_zone_makes_other_days_and_each_zones_sums_are_right(store, clock):
    await fill_days(store, [0, 150, 150, 150])
    await count_days(store, clock)

    assert await count_days(store, clock) is None
    await compare(store, clock, BERLIN)
    assert await count_days(store, clock, BERLIN) is not None
    await compare(store, clock, BERLIN)
    await compare(store, clock)
    await request(store, NOON - DAY)
    await count_days(store, clock, BERLIN)
    await count_days(store, clock)
    await compare(store, clock)


async def test_what_is_kept_beyond_the_days_of_another_zone_is_not_trusted_when_the_zone_comes_back(store, clock):
    west = "Pacific/Pago_Pago"  # where the newest day has ended an hour ago, eleven hours after that of UTC
    await fill_days(store, [0, 150, 150, 150])

    await count_days(store, clock, west)
    await count_days(store, clock)
    await request(store, NOON - 1.5 * HOUR)
    await count_days(store, clock, west)

    await compare(store, clock, west)


async def test_sums_that_an_earlier_version_kept_are_counted_anew(store, clock):
    await fill_days(store, [0, 150])
    (since, until) = await list_days(store, clock, 4, 5)
    old = {
        "workspace": HERE,
        "dimension": "miss",
        "since": since,
        "until": until,
        "sums": '{"":[9,9,9,9,9,9,9,9,9,9,9,9,9]}',
    }
    await store.reports.engine.unit(lambda sql: sql.insert("day_sums", old))

    await compare(store, clock)
    await count_days(store, clock)
    await compare(store, clock)

    assert len(await list_kept(store)) == 1


async def test_days_before_those_that_pages_look_back_to_are_dropped(store, clock):
    await fill_days(store, [0, 150, 150])
    await count_days(store, clock)
    before = await list_kept(store)
    clock.tick(4 * 86_400)

    await count_days(store, clock)

    assert await list_kept(store) == before[1:]


async def test_workspaces_are_due_until_they_are_counted_and_again_after_the_pause_or_with_another_zone(store, clock):
    await fill_days(store, [1])
    await fill_days(store, [1], "slack:T2")

    async def look(after="", zone=UTC):
        return list(await store.day_sums.list_workspaces(after, zone))

    first = await look()
    await count_days(store, clock)
    second = await look()
    clock.tick(86_400)
    third = await look()
    await count_days(store, clock)
    await store.ledger.allow(Budget(Scope(HERE), Period.DAY, 1, BERLIN, "U1", clock()), 0)

    assert first == [WorkspaceDays(HERE, UTC, due=True), WorkspaceDays("slack:T2", UTC, due=True)]
    assert second == [WorkspaceDays(HERE, UTC, due=False), WorkspaceDays("slack:T2", UTC, due=True)]
    assert third == first
    assert await look() == [WorkspaceDays(HERE, BERLIN, due=True), WorkspaceDays("slack:T2", UTC, due=True)]
    assert await look(HERE) == [WorkspaceDays("slack:T2", UTC, due=True)]
    assert await look("slack:T2") == []


async def test_many_workspaces_are_listed_a_hundred_at_a_time(store):
    names = [f"slack:T{number:03}" for number in range(203)]
    rows = [write_request(NOON, 1, name) for name in names for _ in range(2)]
    await store.reports.engine.unit(lambda sql: [sql.insert("requests", row) for row in rows] and None)

    found, after = [], ""
    while some := await store.day_sums.list_workspaces(after, UTC):
        found.append([one.workspace for one in some])
        after = found[-1][-1]

    assert [len(one) for one in found] == [100, 100, 3]
    assert [one for some in found for one in some] == names


async def test_days_are_those_of_utc_where_this_machine_does_not_have_the_zone_that_was_chosen(store, clock):
    await fill_days(store, [0, 130])
    await store.ledger.allow(Budget(Scope(HERE), Period.DAY, 1, "Europe/Atlantis", "M1", clock()), 0)

    assert await store.day_sums.list_workspaces("", BERLIN) == [WorkspaceDays(HERE, UTC, due=True)]
