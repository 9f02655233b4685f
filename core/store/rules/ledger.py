"""The ledger: a row for each request, reserved before it is sent and settled after."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlite_utils import Database

from core.billing.budgets import Budget, Budgets, BudgetStatus
from core.billing.usage import BudgetRefusal, PlannedRequest, Reservation, Scope, Settlement, UsageRow
from core.domain.usage import Usage
from core.store.rules.budgets import allow, budgets, forbidden, warned
from core.store.rules.moments import stamp
from core.store.rules.question_rows import place
from core.store.sqlite.connection import DatabaseThread, Row, one
from core.store.sqlite.rows import insert

KINDS = tuple(field.name for field in fields(Usage))
GROUPS = ("person", "channel", "model", "thread", "day", "quarter", "miss", "bill")

SETTLE = """
UPDATE requests SET state = :state, outcome = :outcome, settled_at = :at, answered_by = :model,
request_id = :request, input = :input, output = :output, thinking = :thinking, cache_read = :cache_read,
cache_write_5m = :cache_write_5m, cache_write_1h = :cache_write_1h, web_searches = :web_searches,
micro_usd = CASE :state WHEN 'died' THEN bound ELSE :micro_usd END, saved = :saved, miss = :miss
WHERE id = :id AND state = 'reserved' RETURNING *
"""

DIED = """
UPDATE requests SET state = 'died', outcome = 'died', settled_at = :at, micro_usd = bound
WHERE state = 'reserved' AND workspace = :workspace AND channel = :channel AND question = :name
"""

# What has no usage stands at its bound.
SPENT = """
SELECT
    CASE :by WHEN 'person' THEN person WHEN 'channel' THEN channel WHEN 'thread' THEN thread
        WHEN 'model' THEN coalesce(answered_by, model) WHEN 'day' THEN substr(at, 1, 10)
        WHEN 'quarter' THEN substr(at, 1, 14) || printf('%02d', substr(at, 15, 2) / 15 * 15)
        WHEN 'miss' THEN coalesce(miss, '')
        WHEN 'bill' THEN substr(at, 1, 10) || ' ' || coalesce(answered_by, model)
            || iif(input IS NULL, ' died', ' used')
        END AS "group",
    count(*) AS requests,
    sum(input IS NULL) AS died,
    sum(coalesce(input, input_bound)) AS input,
    sum(coalesce(output, output_bound)) AS output,
    sum(coalesce(thinking, 0)) AS thinking,
    sum(coalesce(cache_read, 0)) AS cache_read,
    sum(coalesce(cache_write_5m, 0)) AS cache_write_5m,
    sum(coalesce(cache_write_1h, 0)) AS cache_write_1h,
    sum(coalesce(web_searches, 0)) AS web_searches,
    sum(coalesce(micro_usd, bound, 0)) AS micro_usd,
    sum(coalesce(saved, 0)) AS saved,
    sum(coalesce(micro_usd, bound) IS NULL) AS unpriced
FROM requests
WHERE workspace = :workspace AND at >= :since
AND (:channel IS NULL OR channel = :channel) AND (:thread IS NULL OR thread = :thread)
AND (:person IS NULL OR person = :person)
GROUP BY 1 ORDER BY 1
"""

WORKSPACES = "SELECT DISTINCT workspace FROM requests ORDER BY workspace"


class SqliteLedger:
    """Keeps the protocol `Ledger`."""

    def __init__(self, connection: DatabaseThread) -> None:
        self._connection = connection

    async def reserve(self, spending: PlannedRequest, scopes: Sequence[Scope]) -> Reservation | BudgetRefusal:
        return await self._connection.unit(lambda db: _reserve(db, spending, scopes))

    async def settle(self, reservation: Reservation, settled: Settlement) -> list[BudgetStatus]:
        return await self._connection.unit(lambda db: _settle(db, reservation, settled))

    async def spent(self, scope: Scope, since: datetime, by: str) -> list[UsageRow]:
        """Lines by group, in the order of their names."""
        if by not in GROUPS:
            raise ValueError(f"{by!r} is none of {', '.join(GROUPS)}")
        return await self._connection.unit(lambda db: _spent(db, scope, since, by))

    async def workspaces(self) -> list[str]:
        return await self._connection.unit(lambda db: [row["workspace"] for row in db.query(WORKSPACES)])

    async def budgets(self, workspace: str, now: datetime) -> Budgets:
        return await self._connection.unit(lambda db: budgets(db, workspace, now))

    async def allow(self, budget: Budget, expected: int) -> None:
        await self._connection.unit(lambda db: allow(db, budget, expected))


def died(db: Database, question: Row, at: datetime) -> None:
    """Whoever asked Claude this stopped before it knew the cost: its requests stay at their bounds."""
    db.execute(DIED, {**question, "at": stamp(at)})


def _reserve(db: Database, spending: PlannedRequest, scopes: Sequence[Scope]) -> Reservation | BudgetRefusal:
    refusal = forbidden(db, spending, scopes)
    if refusal:
        return refusal
    record = {
        name: getattr(spending, name) for name in PlannedRequest.__slots__ if name not in ("key", "at", "micro_usd")
    }
    more = {"at": stamp(spending.at), "bound": spending.micro_usd, "state": "reserved"}
    return Reservation(insert(db, "requests", {**place(spending.key), **record, **more}))


def _settle(db: Database, reservation: Reservation, settled: Settlement) -> list[BudgetStatus]:
    usage = asdict(settled.usage) if settled.usage else dict.fromkeys(KINDS)
    how = {
        "id": reservation.id,
        "state": "settled" if settled.usage else "died",
        "outcome": settled.outcome,
        "at": stamp(settled.at),
        "model": settled.model,
        "request": settled.request,
        "micro_usd": settled.micro_usd,
        "saved": settled.saved,
        "miss": settled.miss,
    }
    row = one(db, SETTLE, {**usage, **how})
    return warned(db, row, settled.at) if row else []


def _spent(db: Database, scope: Scope, since: datetime, by: str) -> list[UsageRow]:
    rows = db.query(SPENT, {**asdict(scope), "since": stamp(since), "by": by})
    counts = ("requests", "died", "micro_usd", "saved", "unpriced")
    return [
        UsageRow(
            row["group"], usage=Usage(**{kind: row[kind] for kind in KINDS}), **{name: row[name] for name in counts}
        )
        for row in rows
    ]
