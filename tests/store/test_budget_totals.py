"""What is spent of a budget is at each moment what its requests come to, and is found without reading all of them.

Tests core.store.places.budget_totals and core.store.sql_port.
"""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from core.billing.budgets import Budget, Period, ZoneChange, find_period_start, find_running_period
from core.billing.ledger_rows import (
    DIRECT,
    BudgetRefusal,
    PlannedRequest,
    Reservation,
    Scope,
    Settlement,
    list_scopes,
)
from core.domain.messages import ThreadKey
from core.domain.usage import Usage
from core.store import open_store
from core.store.places.budget_totals import FEW, ROOM, Total, count_more, list_totals
from core.store.places.budgets import read_budgets
from core.store.rules import ledger
from core.store.sql_port import Unprepared, parse_stamp, stamp
from tests.support.short_form import combine
from tests.support.talk import NOON

ZONES = ["UTC", "Pacific/Auckland", "America/New_York", "Asia/Kathmandu"]
SKEWS = [0] * 12 + [-3, 30, -3_600, 90_000, -90_000, 40 * 86_400]  # seconds that a process's clock may be wrong by
ROWS = "SELECT workspace, channel, person, direct, at, state, bound, micro_usd FROM requests"
TOTALS = "SELECT * FROM budget_totals"
MICRO = timedelta(microseconds=1)
HERE = "slack:T1"
SETTLED = Settlement(Usage(1), "end_turn", NOON, "m", micro_usd=2)
ALL, SOME, ONE = Scope(HERE), Scope(HERE, "C1"), Scope(HERE, person="U1")


def write_request(at, workspace=HERE, channel="C1", person="U1", micro_usd=3, **more):
    row = {
        "workspace": workspace,
        "channel": channel,
        "thread": "t",
        "question": "q",
        "person": person,
        "at": stamp(at),
    }
    used = {"model": "m", "persona": 0, "input_bound": 1, "output_bound": 1, "bound": 9, "micro_usd": micro_usd}
    return {**row, **used, "state": "settled", "direct": False, **more}


async def fill(store, count, until=NOON):
    """So many requests that have ended, in the last second before `until`: one each microsecond."""
    row = write_request(until)
    second = f"{until - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}."
    values = {name: f":{name}" for name in row}
    values["at"] = f"'{second}' || substr(CAST(2000000 - n AS VARCHAR), 2, 6) || '+00:00'"
    asked = f"""
    INSERT INTO requests ({", ".join(values)})
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
    SELECT {", ".join(values.values())} FROM numbers
    """
    await store.reports.engine.unit(lambda sql: sql.execute(asked, row))


async def allow(store, scope, micro_usd=10**9, period=Period.MONTH, zone="UTC", at=NOON, number=0):
    return await store.ledger.allow(Budget(scope, period, micro_usd, zone, "M1", at), number)


async def reserve(store, at=NOON, micro_usd=9, person="U1", **more):
    planned = PlannedRequest(ThreadKey(HERE, "C1", "t"), "q", person, "m", 0, 1, 1, at, micro_usd, **more)
    return await store.ledger.reserve(planned, list_scopes(planned.key, person, None))


async def settle(store, reserved, micro_usd=2):
    await store.ledger.settle(reserved, Settlement(Usage(1), "end_turn", NOON, "m", micro_usd=micro_usd))


async def read(store, statement):
    return await store.reports.engine.unit(lambda sql: sql.many(statement, {}))


async def list_spent(store, now=NOON, person="U1"):
    return [one.spent for one in (await store.ledger.budgets(HERE, now, person)).statuses]


def find_zones(held):
    return [ZoneChange(one.at, one.zone) for one in reversed(held.changes)]


def count_by_hand(rows, scope, since, person):
    """What a scope has spent and reserved: each of its requests is looked at."""
    personal = f"{scope.workspace.partition(':')[0]}:@me"

    def counts(row):
        if scope.person is None and scope.channel != DIRECT:
            return row["workspace"] == scope.workspace and scope.channel in (None, row["channel"])
        whose = row["workspace"] in (scope.workspace, personal) and row["person"] == (scope.person or person)
        return whose and (scope.channel is None or bool(row["direct"]))

    found = [row for row in rows if row["at"] >= stamp(since) and counts(row)]
    spent = sum(row["bound"] or 0 if row["micro_usd"] is None else row["micro_usd"] for row in found)
    return spent, sum(row["bound"] or 0 for row in found if row["state"] == "reserved")


@dataclass
class Life:
    """What happens to some workspaces of a platform, by chance."""

    store: object
    clock: object
    dice: random.Random
    platform: str
    reserved: list[tuple[Reservation, ThreadKey, str]] = field(default_factory=list)
    made: int = 0

    @property
    def workspaces(self):
        return [f"{self.platform}:{one}" for one in ("T1", "T2", "@me")]

    async def begin(self):
        """Most have a past that is in no total: of a month and more, and of this day."""

        def write(sql):
            for number in range(self.dice.choice([0, 150, 500])):
                days = self.dice.choice([0, 0, 1, 30])
                at = self.clock() - timedelta(seconds=self.dice.randrange(86_400 * days + 36_000))
                workspace = self.dice.choice([*self.workspaces, self.workspaces[0], self.workspaces[0]])
                where = {
                    "channel": self.dice.choice(["C1", "C1", "C2"]),
                    "person": self.dice.choice(["U1", "U1", "U2"]),
                }
                cost = {"micro_usd": self.dice.choice([None, 0, number]), "bound": self.dice.choice([None, 9, 700])}
                sql.insert("requests", write_request(at, workspace, **where, **cost, direct=self._is_direct(workspace)))

        await self.store.reports.engine.unit(write)
        for _ in range(4):
            await self.set_budget()

    def _is_direct(self, workspace):
        return workspace.endswith("@me") or (self.platform == "slack" and self.dice.random() < 0.3)

    def _read_skewed_clock(self):
        return self.clock() + timedelta(seconds=self.dice.choice(SKEWS))

    def _choose_scope(self):
        workspace, person = self.dice.choice(self.workspaces), self.dice.choice(["U1", "U2"])
        places = [{}, {"channel": "C1"}, {"channel": DIRECT}, {"person": person}]
        return Scope(workspace, **self.dice.choice(places))

    async def reserve(self):
        self.made += 1
        key, person = ThreadKey(self.dice.choice(self.workspaces), self.dice.choice(["C1", "C2"]), "t"), "U1"
        person, at = self.dice.choice(["U1", "U2"]), self._read_skewed_clock()
        direct = self._is_direct(key.workspace)
        cost = self.dice.choice([None, 0, 5, 300, 2_000])
        planned = PlannedRequest(key, f"q{self.made}", person, "m", 0, 1, 1, at, cost, direct=direct)
        scopes = list_scopes(key, person, self.workspaces[:2] if direct else None)
        left = await self._count_left(scopes, planned)
        found = await self.store.ledger.reserve(planned, scopes)
        refused = left is not None and (cost is None or cost > left)
        assert isinstance(found, BudgetRefusal) == refused
        if isinstance(found, Reservation):
            self.reserved.append((found, key, planned.question))
        else:
            assert found.left == (None if cost is None else left)

    async def _count_left(self, scopes, planned):
        """The least that a budget has left for it, by hand; None where none holds."""
        rows, lefts = await read(self.store, ROWS), []
        for workspace in self.workspaces:
            held = await self.store.ledger.budgets(workspace, planned.at, planned.person)
            for one in held.statuses:
                limits = planned.direct and one.budget.scope.person == planned.person
                if limits or one.budget.scope in scopes:
                    since, _ = find_running_period(one.budget.period, planned.at, find_zones(held))
                    spent, _ = count_by_hand(rows, one.budget.scope, since, planned.person)
                    lefts.append(max(0, one.limit - spent))
        return min(lefts, default=None)

    async def settle(self):
        """Late or soon: it used less, more, nobody knows what, or what has no price."""
        if self.reserved:
            reservation, _, _ = self.reserved.pop(self.dice.randrange(len(self.reserved)))
            usage, cost = self.dice.choice([Usage(1), Usage(1), None]), self.dice.choice([None, 0, 4, 350])
            settled = Settlement(usage, "end_turn", self._read_skewed_clock(), "m", micro_usd=cost)
            for _ in range(self.dice.choice([1, 1, 2])):
                await self.store.ledger.settle(reservation, settled)

    async def write_off(self):
        """The process that asked has stopped, and what it says later changes nothing."""
        if self.reserved:
            _, key, question = self.dice.choice(self.reserved)
            row = {"workspace": key.workspace, "channel": key.channel, "name": question}
            await self.store.reports.engine.unit(lambda sql: ledger.write_off_requests(sql, row, self.clock()))

    async def set_budget(self):
        scope, period = self._choose_scope(), self.dice.choice(list(Period))
        held = await self.store.ledger.budgets(scope.workspace, self.clock(), only=())
        before = next((one.number for one in held.changes if (one.scope, one.period) == (scope, period)), 0)
        limit = self.dice.choice([None, 2_000, 90_000, 10**9])
        await allow(self.store, scope, limit, period, self.dice.choice(["", *ZONES]), self.clock(), before)

    async def forget(self):
        await self.store.threads.forget(Scope(self.dice.choice(self.workspaces)))

    async def wait(self):
        self.clock.tick(self.dice.choice([1, 600, 6 * 3600, 86_400, 5 * 86_400]))

    async def count(self):
        """A count adds a few and goes no further: its process has stopped, or others are between its units of work."""
        workspace, person = self.dice.choice(self.workspaces), self.dice.choice(["U1", "U2"])
        held = await self.store.ledger.budgets(workspace, self.clock(), person)
        if held.statuses:
            budget = self.dice.choice(held.statuses).budget
            since, _ = find_running_period(budget.period, self.clock(), find_zones(held))
            total = self.dice.choice(list_totals(budget.scope, person, budget.period, since))
            await self.store.reports.engine.unit(lambda sql: count_more(sql, total, self.dice.choice([1, 7, 60])))

    async def lose(self):
        """Totals may be deleted at any time."""
        gone = "DELETE FROM budget_totals WHERE channel = :channel AND person = ''"
        channel = self.dice.choice(["", "C1"])
        await self.store.reports.engine.unit(lambda sql: sql.execute(gone, {"channel": channel}))

    async def check(self):
        now, person = self._read_skewed_clock(), self.dice.choice(["U1", "U2"])
        workspace = self.dice.choice(self.workspaces)
        held = await self.store.ledger.budgets(workspace, now, person)
        rows = await read(self.store, ROWS)
        periods = [find_running_period(one.budget.period, now, find_zones(held))[0] for one in held.statuses]
        counted = [
            count_by_hand(rows, one.budget.scope, since, person)
            for one, since in zip(held.statuses, periods, strict=True)
        ]
        assert [(one.spent, one.reserved) for one in held.statuses] == counted
        return len(counted)


@pytest.mark.parametrize("seed", [combine([seed], kept=seed < 3) for seed in range(60)])
async def test_what_is_spent_of_a_budget_is_at_each_moment_what_its_requests_come_to(store, clock, seed):
    life = Life(store, clock, random.Random(seed), ["slack", "discord"][seed % 2])
    weights = {
        life.reserve: 30,
        life.settle: 22,
        life.count: 12,
        life.wait: 7,
        life.write_off: 5,
        life.set_budget: 5,
        life.lose: 3,
        life.forget: 1,
    }
    await life.begin()

    checked = 0
    for act in life.dice.choices([*weights], [*weights.values()], k=100):
        await act()
        checked += await life.check()

    assert checked
    assert life.made


@pytest.mark.slow
async def test_many_who_reserve_and_settle_at_once_in_two_processes_spend_what_is_there_and_no_more(shared_url):
    stores = [await open_store(shared_url, clock=lambda: NOON) for _ in range(2)]
    await fill(stores[0], FEW * 3)
    for scope, limit in ((ALL, 900 + 300), (SOME, 10**9), (ONE, 10**9)):
        await allow(stores[0], scope, limit)

    async def ask(number):
        """Some cost less than was set aside, and so there is room for more."""
        reserved = await reserve(stores[number % 2], micro_usd=9)
        if isinstance(reserved, Reservation) and number % 3:
            await settle(stores[number % 2], reserved, number % 9)
        return isinstance(reserved, Reservation)

    taken = sum(await asyncio.gather(*(ask(number) for number in range(100))))
    spent = [await list_spent(one) for one in stores]
    rows = await read(stores[0], ROWS)

    for one in stores:
        await one.shut()
    assert len(rows) == taken + FEW * 3
    assert 300 // 9 <= taken < 100
    assert spent == [[count_by_hand(rows, ALL, NOON - timedelta(days=20), "")[0]] * 3] * 2
    assert spent[0][0] <= 900 + 300


class Reading:
    """A port that counts the rows, or on SQLite the steps, that statements read."""

    def __init__(self, sql):
        self.sql, self.read = sql, 0

    def __getattr__(self, name):
        return getattr(self.sql, name)

    def one(self, statement, values):
        return next(iter(self.many(statement, values)), None)

    def many(self, statement, values):
        if not hasattr(self.sql, "db") and statement.lstrip().startswith(("SELECT", "WITH")):
            (plan,) = self.sql.many(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
            self.read += self._count_rows(plan["QUERY PLAN"][0]["Plan"])
        return self.sql.many(statement, values)

    def many_each(self, *asked):
        return [self.many(*one) for one in asked]

    def _count_rows(self, node):
        lost = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        own = (node["Actual Rows"] + lost) * node["Actual Loops"]
        return own + sum(self._count_rows(one) for one in node.get("Plans", ()))


async def count_reads(store, work):
    """How much a unit of work reads."""

    def measured(sql):
        reading = Reading(sql)

        def step():
            reading.read += 1

        connection = sql.db.conn if hasattr(sql, "db") else None
        if connection:
            connection.set_progress_handler(step, 1)
        try:
            work(reading)
        finally:
            if connection:
                connection.set_progress_handler(None, 0)
        return reading.read

    return await store.reports.engine.unit(measured)


async def test_a_reservation_a_settlement_and_a_page_read_no_more_after_many_requests_than_after_few(store):
    planned = PlannedRequest(ThreadKey(HERE, "C1", "t"), "q", "U1", "m", 0, 1, 1, NOON, 9)
    for scope, period in (
        (ALL, Period.MONTH),
        (SOME, Period.WEEK),
        (ONE, Period.DAY),
        (Scope(HERE, DIRECT), Period.DAY),
    ):
        await allow(store, scope, period=period)

    async def measure():
        reserved = [await reserve(store)]
        return [
            await count_reads(
                store, lambda sql: ledger.reserve_request(sql, planned, list_scopes(planned.key, "U1", [HERE]))
            ),
            await count_reads(store, lambda sql: ledger.settle_request(sql, reserved[0], SETTLED)),
            await count_reads(store, lambda sql: read_budgets(sql, HERE, NOON, "U1")),
        ]

    await fill(store, FEW - 9)
    few = await measure()
    assert not await read(store, TOTALS)
    await fill(store, 3 * ROOM, NOON - timedelta(seconds=1))
    many = await measure()
    again = await measure()

    assert all(few)
    assert all(later < 1.3 * first + 50 for first, later in zip(few, many, strict=True)), (few, many)
    assert all(later < 1.3 * first + 50 for first, later in zip(few, again, strict=True)), (few, again)


async def test_requests_of_before_there_were_totals_are_counted_in_units_of_work_of_a_bounded_size(store):
    await fill(store, 2 * ROOM + 7)
    total = Total(HERE, "", "", Period.MONTH, find_period_start(Period.MONTH, NOON, "UTC"))
    await allow(store, ALL, 3 * (2 * ROOM + 7) + 10)

    ended, froms = [], []
    while not any(ended):
        ended.append(await store.reports.engine.unit(lambda sql: count_more(sql, total)))
        froms += [parse_stamp(row["counted_from"]) for row in await read(store, TOTALS)]

    assert ended == [False, False, True]
    assert froms == [NOON - ROOM * MICRO, NOON - 2 * ROOM * MICRO, total.since]
    assert [type(await reserve(store, micro_usd=cost)) for cost in (11, 10)] == [BudgetRefusal, Reservation]


async def test_others_are_served_while_requests_of_before_are_counted(store):
    await fill(store, 2 * ROOM)
    await allow(store, ALL)
    served, asking = 0, asyncio.create_task(reserve(store))

    while not asking.done():
        await store.reports.engine.unit(lambda sql: sql.one("SELECT 1 AS one", {}))
        served += 1

    assert isinstance(await asking, Reservation)
    assert served >= 4


async def test_scopes_of_few_requests_have_no_totals(store):
    await fill(store, FEW - 1)
    await allow(store, ALL)

    spent = await list_spent(store)

    assert (spent, await read(store, TOTALS)) == ([3 * (FEW - 1)], [])


async def test_totals_are_kept_no_longer_than_a_period_after_theirs(store):
    days = [NOON + timedelta(days=number) for number in range(4)]
    await allow(store, ALL, period=Period.DAY)

    for day in days:
        await fill(store, FEW, day)
        await list_spent(store, day)

    found = [row["since"] for row in await read(store, TOTALS)]
    assert sorted(found) == [stamp(find_period_start(Period.DAY, day, "UTC")) for day in days[2:]]


async def test_a_budget_that_is_taken_away_leaves_no_totals(store):
    await fill(store, FEW)
    scopes = [ALL, SOME, ONE, Scope(HERE, DIRECT)]
    kept = [await allow(store, scope) for scope in scopes]
    await list_spent(store)
    before = await read(store, TOTALS)

    for one in kept:
        await allow(store, one.scope, None, number=one.number)

    assert (len(before), await read(store, TOTALS)) == (4, [])


async def test_a_unit_of_work_that_finds_something_unprepared_is_done_once_after_that(store):
    steps = iter([False, True])
    prepared = []

    def prepare(sql):
        prepared.append(next(steps))
        return prepared[-1]

    def work(sql):
        sql.insert("notes", {"name": "a", "value": f"after {len(prepared)}"})
        if len(prepared) < 2:
            raise Unprepared([prepare])
        return "done"

    assert await store.reports.engine.unit(work) == "done"

    assert prepared == [False, True]
    assert await read(store, "SELECT name, value FROM notes") == [{"name": "a", "value": "after 2"}]
