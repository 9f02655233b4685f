"""The ledger: a row for each request, reserved before it is sent and settled after."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlite_utils import Database

from core.ledger import Refusal, Reservation, Scope, Settled, Spending, Spent, Usage
from core.store.sqlite.asking import place
from core.store.sqlite.database import Connection, Row
from core.store.sqlite.moments import stamp

KINDS = tuple(field.name for field in fields(Usage))
GROUPS = ("person", "channel", "model", "thread", "day")

SETTLE = """
UPDATE requests SET state = :state, outcome = :outcome, settled_at = :at, answered_by = :model,
request_id = :request, input = :input, output = :output, thinking = :thinking, cache_read = :cache_read,
cache_write_5m = :cache_write_5m, cache_write_1h = :cache_write_1h, web_searches = :web_searches
WHERE id = :id AND state = 'reserved'
"""

DIED = """
UPDATE requests SET state = 'died', outcome = 'died', settled_at = :at
WHERE state = 'reserved' AND workspace = :workspace AND channel = :channel AND question = :name
"""

# What has no usage stands at its bound.
SPENT = """
SELECT
    CASE :by WHEN 'person' THEN person WHEN 'channel' THEN channel WHEN 'thread' THEN thread
        WHEN 'model' THEN coalesce(answered_by, model) WHEN 'day' THEN substr(at, 1, 10) END AS "group",
    count(*) AS requests,
    sum(input IS NULL) AS died,
    sum(coalesce(input, input_bound)) AS input,
    sum(coalesce(output, output_bound)) AS output,
    sum(coalesce(thinking, 0)) AS thinking,
    sum(coalesce(cache_read, 0)) AS cache_read,
    sum(coalesce(cache_write_5m, 0)) AS cache_write_5m,
    sum(coalesce(cache_write_1h, 0)) AS cache_write_1h,
    sum(coalesce(web_searches, 0)) AS web_searches
FROM requests
WHERE workspace = :workspace AND at >= :since
AND (:channel IS NULL OR channel = :channel) AND (:thread IS NULL OR thread = :thread)
AND (:person IS NULL OR person = :person)
GROUP BY 1 ORDER BY 1
"""


class SqliteLedger:
    """Keeps the protocol `Ledger`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def reserve(self, spending: Spending, scopes: Sequence[Scope]) -> Reservation | Refusal:
        return await self._connection.unit(lambda db: _reserve(db, spending))

    async def settle(self, reservation: Reservation, settled: Settled) -> None:
        await self._connection.unit(lambda db: _settle(db, reservation, settled))

    async def spent(self, scope: Scope, since: datetime, by: str) -> list[Spent]:
        """Lines by group, in the order of their names."""
        if by not in GROUPS:
            raise ValueError(f"{by!r} is none of {', '.join(GROUPS)}")
        return await self._connection.unit(lambda db: _spent(db, scope, since, by))


def died(db: Database, question: Row, at: datetime) -> None:
    """Whoever asked Claude this stopped before it knew the cost: its requests stay at their bounds."""
    db.execute(DIED, {**question, "at": stamp(at)})


def _reserve(db: Database, spending: Spending) -> Reservation:
    record = {name: getattr(spending, name) for name in Spending.__slots__ if name not in ("key", "at")}
    row = db.table("requests").insert({**place(spending.key), **record, "at": stamp(spending.at), "state": "reserved"})
    assert isinstance(row.last_pk, int)
    return Reservation(row.last_pk)


def _settle(db: Database, reservation: Reservation, settled: Settled) -> None:
    usage = asdict(settled.usage) if settled.usage else dict.fromkeys(KINDS)
    how = {
        "id": reservation.id,
        "state": "settled" if settled.usage else "died",
        "outcome": settled.outcome,
        "at": stamp(settled.at),
        "model": settled.model,
        "request": settled.request,
    }
    db.execute(SETTLE, {**usage, **how})


def _spent(db: Database, scope: Scope, since: datetime, by: str) -> list[Spent]:
    rows = db.query(SPENT, {**asdict(scope), "since": stamp(since), "by": by})
    return [
        Spent(row["group"], row["requests"], row["died"], Usage(**{kind: row[kind] for kind in KINDS})) for row in rows
    ]
