"""The tables of SQLite, and what every unit of work asks of them.

Tests core.store.sqlite.schema, core.store.places.advisory_locks.
"""

import json
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlite_utils import Database

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.domain.events import Backfilled, Missed, WorkspaceEnded
from core.domain.messages import FinalText as Final
from core.domain.messages import History, Outcome
from core.domain.personas import Persona, Place
from core.domain.usage import Usage
from core.store import open_store
from core.store.audit_log import AuditHead
from core.store.repositories import build_store
from core.store.rules.ledger import GROUPS, WORKSPACES
from core.store.sqlite.connection import DatabaseThread
from core.store.sqlite.sql_adapter import SqliteSql
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, edited, message, said, stopped, thread

SOON = timedelta(milliseconds=50)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "confab.db"


@pytest.fixture
async def kept(path, clock):
    store = await open_store(f"sqlite:///{path}", clock=clock)
    yield store
    await store.shut()


async def test_addresses_and_values_are_wiped_when_a_question_closes(kept, path):
    await kept.questions.ingest(asked("1", address='{"token": "t"}'))
    await kept.questions.ingest(commanded("i1", values={"a": "b"}, address='{"token": "u"}'))
    for _ in range(2):
        claim = await kept.questions.claim_next("p", PLATFORMS)
        await kept.questions.record_page(claim, "5", at(5))
        await kept.questions.close(claim, Outcome.SHOWN)

    with Database(path) as db:
        rows = list(db.query("SELECT address, options, outcome, claim FROM questions"))
        assert rows == [{"address": "{}", "options": "{}", "outcome": "shown", "claim": None}] * 2
        assert (db.table("claims").count, db.table("pages").count) == (0, 0)


async def test_moments_are_utc_text_that_sorts(kept, path):
    for seconds in (1, 1.5, 1.000001, -1):
        await kept.questions.ingest(asked(message(f"m{seconds}", seconds=seconds)))

    with Database(path) as db:
        assert [row["at"] for row in db.table("messages").rows_where(order_by="at")] == [
            "2026-11-20T11:59:59.000000+00:00",
            "2026-11-20T12:00:01.000000+00:00",
            "2026-11-20T12:00:01.000001+00:00",
            "2026-11-20T12:00:01.500000+00:00",
        ]


async def test_tables_are_strict_and_every_row_names_its_workspace(kept, path):
    with Database(path) as db:
        ours = [table for table in db.tables if not table.name.startswith("_")]
        assert [table.name for table in ours if not table.strict] == []
        without = {table.name for table in ours if "workspace" not in table.columns_dict}
        parts = {"job_rows", "job_messages", "post_files"}  # of a job or a post, which names its workspace
        shared = {"shard_holders", "shard_leases", "session_starts"}  # of a bot, among its processes
        assert without == {"processes", "notes", *parts, *shared}
        assert (db.table("messages").detect_fts(), list(db.triggers)) == (None, [])


def test_the_command_line_tool_counts_the_tables(path):
    script = f"import asyncio; from core.store import open_store; s = asyncio.run(open_store('sqlite:///{path}'))"
    subprocess.run([sys.executable, "-c", script + "; asyncio.run(s.shut())"], check=True)

    shown = subprocess.run(
        [sys.executable, "-m", "sqlite_utils", "tables", path, "--counts"], check=True, capture_output=True, text=True
    )

    counts = {row["table"]: row["count"] for row in json.loads(shown.stdout)}
    assert counts.items() >= {"threads": 0, "messages": 0, "questions": 0, "requests": 0, "personas": 0}.items()


class Recorder:
    """An engine that writes down which statements and locks its units of work ask for."""

    def __init__(self, engine):
        self.engine = engine
        self.in_order = engine.in_order
        self.statements = {}
        self.locks = []

    async def unit(self, work, **_patience):
        return await self.engine.unit(lambda sql: work(Recorded(sql, self)))

    def sweep_soon(self):
        self.engine.sweep_soon()

    async def finish_sweep(self):
        await self.engine.finish_sweep()

    async def shut(self):
        await self.engine.shut()


class Recorded(SqliteSql):
    def __init__(self, sql, recorder):
        super().__init__(sql.db, sql.now)
        self._recorder = recorder
        self._recorder.locks.append([])

    def lock(self, name):
        self._recorder.locks[-1].append(name)

    def _run(self, statement, values):
        self._recorder.statements.setdefault(statement, values)
        return super()._run(statement, values)


@pytest.fixture
async def recorded(clock):
    engine = DatabaseThread(":memory:", SOON, clock)
    await engine.open()
    recorder = Recorder(engine)
    await a_day(build_store(recorder, timedelta(seconds=10)), clock)
    yield recorder
    await recorder.shut()


async def test_no_query_reads_through_a_whole_table(recorded):
    """Every statement of a day's work is explained by SQLite itself."""

    def scans(sql):
        for statement, values in recorded.statements.items():
            for row in SqliteSql.many(sql, f"EXPLAIN QUERY PLAN {statement}", values):
                yield row["detail"], statement

    big = ("messages", "questions", "requests", "pages", "told", "threads", "audit")
    found = await recorded.engine.unit(lambda sql: list(scans(sql)))
    whole = [(plan, sql) for plan, sql in found if plan.split(" USING ")[0] in [f"SCAN {name}" for name in big]]
    small = ("questions_open", "questions_claimed", "questions_drafted")  # indexes of what is open, or was tried lately
    assert [sql for plan, sql in whole if not plan.endswith(small) and sql != WORKSPACES] == []
    assert len(recorded.statements) > 60


async def test_locks_are_taken_in_one_order(recorded):
    order = ["claims", "channel", "money", "personas", "gaps", "audit"]
    taken = [[name.split()[0] for name in names] for names in recorded.locks if names]

    assert [names for names in taken if names != sorted(names, key=order.index)] == []
    assert {tuple(names) for names in taken} >= {
        ("claims", "channel", "audit"),
        ("claims",),
        ("channel",),
        ("money",),
        ("money", "audit"),
        ("personas", "audit"),
        ("gaps",),
    }


async def a_day(store, clock):
    """Something of everything."""
    questions, threads, ledger, personas = store.questions, store.threads, store.ledger, store.personas
    for event in (asked("1"), asked(message("2", parent="1")), edited("1", "x", 2), commanded("i1"), said("3")):
        await questions.ingest(event)
    for _ in range(2):
        claim = await questions.claim_next("p", PLATFORMS)
        await questions.record_page(claim, "5", at(5))
        await questions.store_final_text(claim, Final("x"))
        reservation = await ledger.reserve(PlannedRequest(KEY, "1", "U1", "m", 0, 1, 1, at(1)), [])
        await ledger.settle(reservation, Settlement(Usage(), "end_turn", at(2)))
        await questions.heartbeat("p")
        await questions.close(claim, Outcome.SHOWN)
    await questions.ingest(asked("7", thread("7"), private=True))
    await questions.claim_next("p", PLATFORMS)
    clock.tick(20)
    await questions.close(await questions.claim_next("q", PLATFORMS), Outcome.SHOWN)
    await threads.remember_names(KEY, {"U1": "Ann"})
    await threads.refresh(await threads.thread(KEY, "2"), History((message("1"), message("9"))))
    await threads.thread(KEY)
    await questions.ingest(Missed("g", "slack"))
    await questions.ingest(Missed("g", "slack", frozenset({"slack:T1", "slack:T9"})))
    await questions.ingest(Backfilled("b", "slack:T1"))
    await questions.ingest(deleted("1"))
    await questions.ingest(stopped())
    await questions.count_open()
    for by in GROUPS:
        await ledger.sum_usage(Scope("slack:T1", "C1", "1", "U1"), at(0), by)
    await ledger.workspaces()
    await ledger.allow(Budget(Scope("slack:T1"), Period.DAY, 1, "UTC", "U1", at(0)), 0)
    await ledger.budgets("slack:T1", at(0))
    reservation = await ledger.reserve(PlannedRequest(KEY, "1", "U1", "m", 0, 1, 1, at(1), 1), [Scope("slack:T1")])
    await ledger.settle(reservation, Settlement(Usage(), "end_turn", at(2), micro_usd=1))
    await store.notes.put("a", "b")
    await store.notes.get("a")
    await personas.change(Place("slack:T1"), Persona(), 0, "U1", at(0))
    await personas.versions(Place("slack:T1"))
    await threads.forget(Scope("slack:T1", "C1", "1", "U1"))
    await threads.forget(Scope("slack:T1"))
    await store.audit.newest("slack:T1", None)
    await store.audit.newest("slack:T1", "C1")
    await store.audit.verify(AuditHead("slack:T1"))
    await questions.ingest(WorkspaceEnded("e", "slack:T1", at(600)))
    await questions.heartbeat("p", leaving=True)
