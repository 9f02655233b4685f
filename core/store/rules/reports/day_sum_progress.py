"""Day sum progress: the days of a workspace that are over are counted in the background, by one process at a time.

The row of a workspace says until when its days are kept, or are being counted. A request that begins before that moves
it back, and takes the count from who holds it (`ledger`). Both take the lock on the workspace's money. So a day that no
request was under way in when its count began is the same when its sums are kept.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.domain.clock import name_known_zone
from core.store.places.advisory_locks import lock_money
from core.store.records.reports.day_sums import Day, DayCount, DayPart, Sums, WorkspaceDays
from core.store.rules.reports.day_parts import add_sums, count_parts
from core.store.rules.reports.day_sums import COST, list_days
from core.store.sql_port import Engine, Sql, stamp

DIMENSIONS = ("channel", "person", "model", "persona", COST)
LATE = timedelta(hours=1)  # after a day, in which a process whose clock is behind may still begin a request of it
LEASE = timedelta(seconds=30)  # that a count is no other process's after each step of it
FEW = 100  # requests of a day that are counted as quickly as they are read
LONGEST = timedelta(days=2)  # between two counts of a workspace
LISTED = 100  # workspaces that are looked at together

WORKSPACES = """
WITH RECURSIVE found (number, name) AS (
    SELECT 1, min(workspace) FROM requests WHERE workspace > :after
    UNION ALL
    SELECT number + 1, (SELECT min(workspace) FROM requests WHERE workspace > found.name)
    FROM found WHERE found.name IS NOT NULL AND number < :most
)
SELECT found.name AS workspace, progress.zone AS counted, progress.due_at AS due_at,
    (SELECT zone FROM budgets WHERE budgets.workspace = found.name ORDER BY id DESC LIMIT 1) AS chosen
FROM found LEFT JOIN day_sum_progress AS progress ON progress.workspace = found.name
WHERE found.name IS NOT NULL ORDER BY found.name
"""
"""By one look into an index for each; to read all requests takes a second for ten million."""

PROGRESS = "SELECT * FROM day_sum_progress WHERE workspace = :workspace"

DROP = "DELETE FROM day_sums WHERE workspace = :workspace AND (since < :since OR until > :until)"

BEGIN = """
INSERT INTO day_sum_progress (workspace, zone, until, token, due_at) VALUES (:workspace, :zone, :until, :token, :due_at)
ON CONFLICT (workspace) DO UPDATE SET zone = excluded.zone, until = excluded.until, token = excluded.token,
due_at = excluded.due_at
"""

HOLD = "UPDATE day_sum_progress SET due_at = :due_at WHERE workspace = :workspace AND token = :token"

END = "UPDATE day_sum_progress SET due_at = :due_at, token = '' WHERE workspace = :workspace AND token = :token"

STANDING = "SELECT since, until FROM day_sums WHERE workspace = :workspace AND dimension = :by AND since >= :since"

UNDER_WAY = "SELECT at FROM requests WHERE workspace = :workspace AND state = 'reserved'"

MANY = """
SELECT at FROM requests WHERE workspace = :workspace AND at >= :since AND at < :until ORDER BY at LIMIT 1 OFFSET :few
"""


class DaySumRepository:
    """Keeps the protocol `DaySums`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list_workspaces(self, after: str, zone: str) -> Sequence[WorkspaceDays]:
        return await self._engine.unit(lambda sql: list_workspaces(sql, after, zone))

    async def begin(self, workspace: str, zone: str, midnights: Sequence[datetime]) -> DayCount | None:
        return await self._engine.unit(lambda sql: begin_count(sql, workspace, zone, midnights))

    async def go_on(self, count: DayCount) -> DayCount | None:
        return await self._engine.unit(lambda sql: go_on_counting(sql, count))

    async def end(self, count: DayCount, pause: timedelta) -> None:
        await self._engine.unit(lambda sql: end_count(sql, count, pause))


def list_workspaces(sql: Sql, after: str, zone: str) -> list[WorkspaceDays]:
    """The next workspaces with requests, and whether their days are to be counted."""
    now, rows = sql.lease_time(), sql.many(WORKSPACES, {"after": after, "most": LISTED})
    zones = [(row, name_known_zone(row["chosen"] or zone)) for row in rows]
    return [
        WorkspaceDays(row["workspace"], chosen, due=row["counted"] != chosen or _is_due(row["due_at"], now))
        for row, chosen in zones
    ]


def begin_count(sql: Sql, workspace: str, zone: str, midnights: Sequence[datetime]) -> DayCount | None:
    """Take the count of a workspace, unless it is another's, or not due. What does not hold any more is not kept."""
    lock_money(sql, workspace)
    row, now = sql.one(PROGRESS, {"workspace": workspace}), sql.lease_time()
    if row and (row["zone"] == zone or row["token"]) and not _is_due(row["due_at"], now):
        return None
    over, ended = stamp(sql.now() - LATE), list_days(midnights)[:-1]
    days = [day for day in ended if day[1] <= over]
    if not days:
        return None
    (since, _), (_, until) = days[0], days[-1]
    count = DayCount(workspace, secrets.token_hex(8))
    begun = {"workspace": workspace, "zone": zone, "token": count.token, "due_at": stamp(now + LEASE)}
    sql.execute(DROP, {"workspace": workspace, "since": since, "until": min(row["until"] if row else "", until)})
    sql.execute(BEGIN, {**begun, "until": until})
    planned = _plan_count(sql, count, days)
    return replace(planned, waiting=planned.waiting or len(days) < len(ended))


def go_on_counting(sql: Sql, count: DayCount) -> DayCount | None:
    """Count the newest of what is left, and keep the days of which that was the rest."""
    found, left = count_parts(sql, count.workspace, count.left, DIMENSIONS)
    lock_money(sql, count.workspace)
    held = {"workspace": count.workspace, "token": count.token, "due_at": stamp(sql.lease_time() + LEASE)}
    if not sql.count_changes(HOLD, held):
        return None
    counted = {by: dict(count.counted.get(by, {})) for by in DIMENSIONS}  # a unit of work may be repeated
    for part, sums in found:
        for by, one in zip(DIMENSIONS, sums, strict=True):
            add_sums(counted[by], one)
        if part.since == part.day[0]:
            _keep_day(sql, count.workspace, part.day, counted)
            counted = {by: {} for by in DIMENSIONS}
    return replace(count, left=left, counted=counted)


def _is_due(due_at: str, now: datetime) -> bool:
    """Whether that time has come. One further away than any pause was written by a clock that was wrong."""
    return not stamp(now) < due_at <= stamp(now + LONGEST)


def end_count(sql: Sql, count: DayCount, pause: timedelta) -> None:
    ended = {"workspace": count.workspace, "token": count.token, "due_at": stamp(sql.lease_time() + pause)}
    sql.execute(END, ended)


def _plan_count(sql: Sql, count: DayCount, days: Sequence[Day]) -> DayCount:
    """Which of these days are to be counted: none is, of which a request is under way."""
    where = {"workspace": count.workspace, "by": COST, "since": days[0][0]}
    kept, begun = sql.many_each((STANDING, where), (UNDER_WAY, where))
    standing = {(row["since"], row["until"]) for row in kept}
    missing = [day for day in days if day not in standing]
    ended = [day for day in missing if not any(day[0] <= row["at"] < day[1] for row in begun)]
    asked = ({"workspace": count.workspace, "since": since, "until": until, "few": FEW - 1} for since, until in ended)
    found = sql.many_each(*((MANY, values) for values in asked)) if ended else []
    left = [DayPart(day, *day) for day, many in zip(ended, found, strict=True) if many]
    return replace(count, left=left, waiting=len(ended) < len(missing))


def _keep_day(sql: Sql, workspace: str, day: Day, counted: Mapping[str, Sums]) -> None:
    since, until = day
    for by, sums in counted.items():
        row = {"workspace": workspace, "dimension": by, "since": since, "until": until}
        sql.insert_new("day_sums", {**row, "sums": json.dumps(sums, separators=(",", ":"))})
