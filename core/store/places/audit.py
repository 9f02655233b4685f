"""Audit: rows of the log, each appended in the unit of work of the change that it tells of, and their chains."""

from datetime import datetime

from core.store.audit_log import LEAST, AuditAction, AuditEntry, AuditFault, AuditHead, AuditRow, check_rows
from core.store.places.advisory_locks import lock_audit
from core.store.sql_port import Sql, Values, stamp

PAGE = 500  # rows that are verified or exported in one unit of work
LISTED = 20  # rows that are shown in chat at once

NEWEST = "SELECT number, mac FROM audit WHERE workspace = :workspace ORDER BY number DESC LIMIT 1"

HEADS = """
SELECT audit.workspace, audit.number, audit.mac FROM audit
JOIN (SELECT workspace, max(number) AS number FROM audit GROUP BY workspace) AS newest
ON newest.workspace = audit.workspace AND newest.number = audit.number ORDER BY audit.workspace
"""

ALL = "SELECT * FROM audit WHERE workspace = :workspace AND number >= :first ORDER BY number"
NEXT = f"{ALL} LIMIT {PAGE}"

LIST = """
SELECT * FROM audit WHERE workspace = :workspace AND {place} AND number < :before ORDER BY number DESC LIMIT {listed}
"""

# What an index is for stands in these as it does there: with a parameter in its place no engine would use it. Nor does
# any stand beside it for the same column: SQLite would compile the statement anew each time, to compare the two.
ENDED = f"""
SELECT 1 AS told FROM audit WHERE workspace = :workspace AND action = '{AuditAction.INSTALLATION_ENDED.value}'
AND at >= :at LIMIT 1
"""  # noqa: S608  ours
STILL_ENDED = f"""
SELECT 1 AS told FROM audit AS ended WHERE workspace = :workspace AND action = '{AuditAction.INSTALLATION_ENDED.value}'
AND at >= :at AND NOT EXISTS (
    SELECT 1 FROM audit WHERE workspace = ended.workspace AND number > ended.number
    AND action = '{AuditAction.INSTALLATION.value}'
) LIMIT 1
"""  # noqa: S608  ours


def record_audit(sql: Sql, entry: AuditEntry) -> None:
    """Append a row to its workspace's chain; it lasts if the change does that this unit of work makes.

    Call it last in a unit: its lock comes after all others.
    """
    lock_audit(sql, entry.workspace)
    newest = sql.one(NEWEST, {"workspace": entry.workspace})
    before = AuditHead(entry.workspace, **newest) if newest else AuditHead(entry.workspace)
    columns = entry.to_columns(before.number + 1)
    sql.insert("audit", {**columns, "mac": sql.keys.seal(before, columns)})


def is_end_recorded(sql: Sql, workspace: str, at: datetime) -> bool:
    """Whether an end of an installation at that time, or later, was recorded."""
    return sql.one(ENDED, {"workspace": workspace, "at": stamp(at)}) is not None


def is_ended(sql: Sql, workspace: str, at: datetime) -> bool:
    """Whether an installation ended at that time, or later, and there was none since."""
    return sql.one(*build_ended_query(workspace, at)) is not None


def build_ended_query(workspace: str, at: datetime) -> tuple[str, Values]:
    """What `is_ended` asks."""
    return STILL_ENDED, {"workspace": workspace, "at": stamp(at)}


def list_heads(sql: Sql) -> list[AuditHead]:
    """The newest row of each workspace's chain."""
    return [AuditHead(**row) for row in sql.many(HEADS, {})]


def list_newest(sql: Sql, workspace: str, channel: str | None, before: int) -> list[AuditRow]:
    """A page of rows of a channel, or of those that concern the whole workspace, newest first."""
    place = "channel IS NULL" if channel is None else "channel = :channel"
    values = {"workspace": workspace, "before": before} | ({} if channel is None else {"channel": channel})
    return [AuditRow(**row) for row in sql.many(LIST.format(place=place, listed=LISTED), values)]


def read_page(sql: Sql, workspace: str, after: int) -> list[AuditRow]:
    """The rows that follow number `after`, oldest first."""
    return [AuditRow(**row) for row in sql.many(NEXT, {"workspace": workspace, "first": after + 1})]


def verify_page(sql: Sql, head: AuditHead) -> AuditHead | AuditFault:
    """Verify the rows that follow `head`, a page of them: the new head, the same one at the end, or the first fault."""
    first = head.number + 1 if head.number else LEAST
    return check_rows(sql.keys, head, sql.many(NEXT, {"workspace": head.workspace, "first": first}))
