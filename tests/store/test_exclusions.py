"""What units of work exclude on PostgreSQL: with its lock each exclusion holds, and without the lock it breaks.

Tests core.store.places.advisory_locks.
"""

import asyncio
import threading
from datetime import timedelta

import psycopg
import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Reservation, Scope
from core.domain.errors import VersionConflict
from core.domain.events import Missed
from core.domain.personas import Persona, Place, Version
from core.store.places import bot_answers, budgets, personas
from core.store.places.advisory_locks import lock_claims
from core.store.places.budget_totals import Total, count_more
from core.store.postgres.engine import PostgresEngine
from core.store.records.bot_loops.answers import Verdict
from core.store.rules import claims, ingest, ledger
from core.store.rules.processes import heartbeats
from core.store.rules.reports.day_sum_progress import FEW, begin_count
from core.store.sql_port import stamp
from tests.support import postgres
from tests.support.talk import KEY, PLATFORMS, asked, at, thread

pytestmark = pytest.mark.slow

LONG = timedelta(seconds=10)
SOON = 0.3  # seconds in which a unit ends that nothing keeps waiting, on a machine that has other things to do
BLOCKED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
async def engine():
    url = postgres.create_database()
    opened = PostgresEngine(url, LONG)
    await opened.open()
    yield opened
    await opened.shut()
    postgres.drop_database(url)


class Halting:
    """A port that stops before its first change, until it may go on; without `locks` it takes none."""

    def __init__(self, sql, locks, reached=None, go_on=None):
        self._sql, self._locks, self._reached, self._go_on = sql, locks, reached, go_on

    def __getattr__(self, name):
        return getattr(self._sql, name)

    def lock(self, name):
        if self._locks:
            self._sql.lock(name)

    def insert(self, table, row):
        self._halt()
        self._sql.insert(table, row)

    def insert_numbered(self, table, row):
        self._halt()
        return self._sql.insert_numbered(table, row)

    def insert_new(self, table, row):
        self._halt()
        self._sql.insert_new(table, row)

    def update(self, table, number, changes):
        self._halt()
        self._sql.update(table, number, changes)

    def execute(self, statement, values):
        if not any(
            one in statement for one in ("claims SET process", "day_sum_progress SET until")
        ):  # change nothing here
            self._halt()
        self._sql.execute(statement, values)

    def _halt(self):
        if self._reached and not self._reached.is_set():
            self._sql.one("SELECT 1", {})  # locks are taken when something is asked
            self._reached.set()
            assert self._go_on.wait(10)


async def overlap(engine, first, second, locks):
    """What two units return or raise, of which the second begins while the first is about to make its first change."""
    reached, go_on = threading.Event(), threading.Event()
    one = asyncio.create_task(engine.unit(lambda sql: first(Halting(sql, locks, reached, go_on))))
    await asyncio.to_thread(reached.wait, 10)
    two = asyncio.create_task(engine.unit(lambda sql: second(Halting(sql, locks))))
    done, _ = await asyncio.wait([two], timeout=SOON if locks else 10)
    assert bool(done) is not locks  # the lock is what it waits for
    go_on.set()
    return await asyncio.gather(one, two, return_exceptions=True)


def both(work):
    return work, work


def claim(process, number):
    return lambda sql: claims.claim_next(sql, claims.Claimant(process, PLATFORMS), LONG, number)


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_a_question_is_claimed_once(engine, locks):
    await engine.unit(lambda sql: ingest.ingest_event(sql, asked("1")))

    found = await overlap(engine, claim("p1", 1), claim("p2", 2), locks)

    if locks:
        assert [one and one.process for one in found] == ["p1", None]
    else:  # the first comes too late for what the second has, and the index of claims says so
        assert [type(one).__name__ for one in found] in (["Claim", "Claim"], ["UniqueViolation", "Claim"])


async def test_who_looks_for_a_question_where_there_is_none_waits_for_nobody_who_claims(engine):
    reached, go_on = threading.Event(), threading.Event()

    def hold(sql):
        lock_claims(sql)
        sql.one("SELECT 1", {})
        reached.set()
        assert go_on.wait(10)

    holding = asyncio.create_task(engine.unit(hold))
    await asyncio.to_thread(reached.wait, 10)
    async with asyncio.timeout(5):
        assert await engine.unit(claim("p1", 1)) is None
    go_on.set()
    await holding


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_an_event_is_kept_once(engine, locks):
    await engine.unit(lambda sql: ingest.ingest_event(sql, asked("1")))

    first, second = await overlap(engine, *both(lambda sql: ingest.ingest_event(sql, asked("2"))), locks)

    if locks:
        assert (first.new, second.new) == (True, False)
    else:
        assert isinstance(first, psycopg.errors.UniqueViolation)


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_money_is_spent_once(engine, locks):
    scope = Scope(KEY.workspace)
    budget = Budget(scope, Period.MONTH, 10, "UTC", "U1", at(0), 0)
    await engine.unit(lambda sql: budgets.change_budget(sql, budget, 0, "UTC"))
    planned = PlannedRequest(
        key=KEY, question="1", person="U1", at=at(1), model="m", persona=0, input_bound=1, output_bound=1, micro_usd=7
    )

    found = await overlap(engine, *both(lambda sql: ledger.reserve_request(sql, planned, [scope])), locks)

    assert sum(isinstance(one, BudgetRefusal) for one in found) == (1 if locks else 0)


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_a_count_of_days_sees_each_request_that_began_before_it(engine, locks):
    midnights = [at(-86_400 * days) for days in (100, 99, 98)]
    row = {"workspace": KEY.workspace, "channel": "c", "thread": "t", "question": "q", "person": "U1", "model": "m"}
    row |= {"persona": 0, "input_bound": 1, "output_bound": 1, "state": "settled", "at": stamp(midnights[0])}
    await engine.unit(lambda sql: [sql.insert("requests", row) for _ in range(FEW)] and None)
    planned = PlannedRequest(KEY, "1", "U1", "m", 0, 1, 1, midnights[0], 7)

    _, count = await overlap(
        engine,
        lambda sql: ledger.reserve_request(sql, planned, []),
        lambda sql: begin_count(sql, KEY.workspace, "UTC", midnights),
        locks,
    )

    assert (len(count.left), count.waiting) == ((0, True) if locks else (1, False))


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_a_total_of_a_budget_has_each_request_that_is_reserved_while_it_is_counted(engine, locks):
    total = Total(KEY.workspace, "", "", Period.MONTH, at(-86_400))
    planned = PlannedRequest(KEY, "1", "U1", "m", 0, 1, 1, at(1), 7)

    done, reserved = await overlap(
        engine,
        lambda sql: count_more(sql, total),
        lambda sql: ledger.reserve_request(sql, planned, []),
        locks,
    )

    (row,) = await engine.unit(lambda sql: sql.many("SELECT spent FROM budget_totals", {}))
    assert (done, type(reserved)) == (True, Reservation)
    assert row["spent"] == (7 if locks else 0)


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_a_persona_is_changed_once(engine, locks):
    version = Version(Place(KEY.workspace), 1, Persona(system="Be kind."), "U1", at(1))

    found = await overlap(engine, *both(lambda sql: personas.change_persona(sql, version)), locks)

    assert sum(isinstance(one, VersionConflict) for one in found) == (1 if locks else 0)


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_a_budget_is_changed_once(engine, locks):
    budget = Budget(Scope(KEY.workspace), Period.MONTH, 10, "UTC", "U1", at(0), 0)

    found = await overlap(engine, *both(lambda sql: budgets.change_budget(sql, budget, 0, "UTC")), locks)

    assert sum(isinstance(one, VersionConflict) for one in found) == (1 if locks else 0)


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_a_backfill_begins_once(engine, locks):
    await engine.unit(lambda sql: ingest.ingest_event(sql, asked("1", thread("1"))))
    missed = Missed("m", "slack", frozenset({KEY.workspace}))

    first, second = await overlap(engine, *both(lambda sql: ingest.ingest_event(sql, missed)), locks)

    assert [one.workspace for one in (*first.missed, *second.missed)] == [KEY.workspace] * 2
    assert first.missed == second.missed  # whoever comes second looks where the first does


@pytest.mark.parametrize("locks", [True, False], ids=["locked", "not locked"])
async def test_the_last_answer_to_bots_is_given_once(engine, locks):
    def judge(name):
        return lambda sql: bot_answers.reach_verdict(sql, KEY, name, [(2, LONG)])

    await engine.unit(judge("1"))

    found = await overlap(engine, judge("2"), judge("3"), locks)

    assert found == [Verdict.ANSWER, Verdict.SAY_SO if locks else Verdict.ANSWER]


async def test_locks_are_taken_in_one_order(engine):
    """Claims, then channels by name, then money: every unit that takes several."""
    await engine.unit(lambda sql: ingest.ingest_event(sql, asked("1")))
    order = {"claims": 0, "channel": 1, "money": 2}

    for work in (claim("p1", 1), lambda sql: heartbeats.heartbeat(sql, "p1", False, LONG)):  # noqa: FBT003
        taken = []

        class Noting(Halting):
            def lock(self, name, taken=taken):
                taken.append(name)
                self._sql.lock(name)

        await engine.unit(lambda sql, work=work: work(Noting(sql, True)))  # noqa: FBT003
        assert taken == sorted(taken, key=lambda name: (order[name.split()[0]], name))
        assert taken
