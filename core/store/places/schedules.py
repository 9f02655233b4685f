"""Schedules as rows: added once, listed by channel, changed by people, and stopped where nothing can come of them."""

from collections.abc import Collection
from datetime import datetime

from core.billing.ledger_rows import Scope
from core.domain.messages import Question, ThreadKey, clean_text
from core.store.audit_log import PLATFORM, AuditAction, AuditEntry, fingerprint
from core.store.places.advisory_locks import lock_channel
from core.store.places.audit import record_audit
from core.store.records.schedules import (
    MOST,
    DueSchedules,
    NewSchedule,
    Schedule,
    ScheduleChange,
    Stop,
    TooManySchedules,
)
from core.store.sql_port import Row, Sql, parse_stamp, stamp

BY_ID = "SELECT * FROM schedules WHERE id = :id"

OF_CHANNEL = "SELECT * FROM schedules WHERE workspace = :workspace AND channel = :channel ORDER BY number"

OF_WORKSPACE = "SELECT * FROM schedules WHERE workspace = :workspace AND NOT removed ORDER BY channel, number"

DUE = """
SELECT * FROM schedules WHERE due_at IS NOT NULL AND due_at <= :now AND {platforms} ORDER BY due_at, id LIMIT :most
"""

NEXT = "SELECT min(due_at) AS at FROM schedules WHERE due_at IS NOT NULL AND due_at > :now AND {platforms}"

ERASE = """
UPDATE schedules SET removed = TRUE, due_at = NULL, line = '' WHERE workspace = :workspace AND NOT removed AND {where}
"""

RUNNING = """
SELECT * FROM schedules WHERE workspace = :workspace AND due_at IS NOT NULL AND at <= :at ORDER BY channel, id
"""

ACTIONS = {
    ScheduleChange.PAUSE: AuditAction.SCHEDULE_PAUSED,
    ScheduleChange.RESUME: AuditAction.SCHEDULE_RESUMED,
    ScheduleChange.REMOVE: AuditAction.SCHEDULE_REMOVED,
}


def add_schedule(sql: Sql, new: NewSchedule) -> Schedule:
    """Add a schedule, once for its source, with the number that follows the channel's newest. TooManySchedules."""
    lock_channel(sql, new.key.workspace, new.key.channel)
    rows = _list_rows(sql, new.key)
    known = next((row for row in rows if row["source"] == new.source), None)
    if known:
        return read_schedule(known)
    if sum(not row["removed"] for row in rows) >= MOST:
        raise TooManySchedules
    number = max((row["number"] for row in rows), default=0) + 1
    line, now = clean_text(new.line), sql.now()
    told = {"author": new.author, "cron": new.cron, "zone": new.zone, "line": line, "prompt": new.prompt}
    place = {"workspace": new.key.workspace, "channel": new.key.channel, "platform": new.key.platform}
    row = {**place, **told, "number": number, "source": new.source, "at": stamp(now), "due_at": stamp(new.due_at)}
    made = sql.insert_numbered("schedules", row)
    details = {"line": fingerprint(line), "zone": new.zone}
    place = {"workspace": new.key.workspace, "channel": new.key.channel}
    record_audit(
        sql,
        AuditEntry(
            **place, at=now, actor=new.author, action=AuditAction.SCHEDULE_ADDED, subject=str(number), details=details
        ),
    )
    return read_schedule(_find_row(sql, made))


def list_schedules(sql: Sql, key: ThreadKey) -> list[Schedule]:
    """Those of a channel that were not removed."""
    return [read_schedule(row) for row in _list_rows(sql, key) if not row["removed"]]


def list_workspace_schedules(sql: Sql, workspace: str) -> list[Schedule]:
    """Those of all channels that were not removed."""
    return [read_schedule(row) for row in sql.many(OF_WORKSPACE, {"workspace": workspace})]


def change_schedule(
    sql: Sql, command: Question, number: int, change: ScheduleChange, due_at: datetime | None
) -> Schedule | None:
    """Pause, resume or remove the schedule of that number; of one that is so already nothing changes.

    One that stopped rests already: to pause it would hide why, and that who resumes it takes it over.
    """
    key = command.key
    lock_channel(sql, key.workspace, key.channel)
    row = next((row for row in _list_rows(sql, key) if row["number"] == number), None)
    if row is None or (row["removed"] and change is not ScheduleChange.REMOVE):
        return None
    before = read_schedule(row)
    if before.removed or (change is ScheduleChange.PAUSE and not before.active):
        return before
    if change is ScheduleChange.RESUME and before.active:
        return before
    changes: Row = {"paused": change is ScheduleChange.PAUSE, "stopped": None, "due_at": None}
    if change is ScheduleChange.RESUME:
        changes |= {"due_at": due_at and stamp(due_at), "author": command.person if before.stopped else before.author}
    if change is ScheduleChange.REMOVE:
        changes |= {"removed": True, "line": ""}
    sql.update("schedules", row["id"], changes)
    _record(sql, before, command.person, ACTIONS[change])
    return read_schedule(_find_row(sql, row["id"]))


def list_due(sql: Sql, platforms: Collection[str], most: int) -> DueSchedules:
    """The schedules that are due now, and how long it is until the next one is."""
    now, names = sql.now(), sorted(platforms)
    among, values = sql.among("platform", "platforms"), {"platforms": names, "now": stamp(now)}
    rows, following = sql.many_each(
        (DUE.format(platforms=among), {**values, "most": most}), (NEXT.format(platforms=among), values)
    )
    at = following[0]["at"]
    return DueSchedules([read_schedule(row) for row in rows], now, parse_stamp(at) - now if at else None)


def stop_schedule(sql: Sql, number: int, why: Stop) -> None:
    """Let a schedule rest until somebody resumes it."""
    row = _find_row(sql, number)
    lock_channel(sql, row["workspace"], row["channel"])
    schedule = read_schedule(_find_row(sql, number))
    if not schedule.active:
        return
    sql.update("schedules", number, {"stopped": why.value, "due_at": None})
    _record(sql, schedule, PLATFORM, AuditAction.SCHEDULE_STOPPED, why=why.value)


def stop_schedules(sql: Sql, workspace: str, at: datetime) -> None:
    """We were removed from a workspace: let the schedules rest that were added until then."""
    for row in sql.many(RUNNING, {"workspace": workspace, "at": stamp(at)}):
        lock_channel(sql, workspace, row["channel"])
        sql.update("schedules", row["id"], {"stopped": Stop.ENDED.value, "due_at": None})


def note_skipped(sql: Sql, number: int, due_at: datetime) -> None:
    """Write down the newest time at which a schedule did not run."""
    row = _find_row(sql, number)
    if row["skipped_at"] is None or row["skipped_at"] < stamp(due_at):
        sql.update("schedules", number, {"skipped_at": stamp(due_at)})


def erase_schedules(sql: Sql, scope: Scope) -> int:
    """Erase those of a scope, a channel's or a person's: how many. A thread has none of its own."""
    if scope.thread is not None:
        return 0
    places = {"channel": scope.channel, "author": scope.person}
    conditions = [f"{name} = :{name}" for name, value in places.items() if value is not None]
    where = " AND ".join(conditions) or "TRUE"
    return sql.count_changes(ERASE.format(where=where), {"workspace": scope.workspace, **places})


def find_schedule(sql: Sql, number: int) -> Schedule | None:
    row = sql.one(BY_ID, {"id": number})
    return read_schedule(row) if row else None


def read_schedule(row: Row) -> Schedule:
    return Schedule(
        id=row["id"],
        number=row["number"],
        workspace=row["workspace"],
        channel=row["channel"],
        author=row["author"],
        cron=row["cron"],
        zone=row["zone"],
        line=row["line"],
        prompt=bool(row["prompt"]),
        due_at=parse_stamp(row["due_at"]) if row["due_at"] else None,
        paused=bool(row["paused"]),
        removed=bool(row["removed"]),
        stopped=Stop(row["stopped"]) if row["stopped"] else None,
        skipped_at=parse_stamp(row["skipped_at"]) if row["skipped_at"] else None,
    )


def _list_rows(sql: Sql, key: ThreadKey) -> list[Row]:
    return sql.many(OF_CHANNEL, {"workspace": key.workspace, "channel": key.channel})


def _find_row(sql: Sql, number: int) -> Row:
    row = sql.one(BY_ID, {"id": number})
    assert row is not None
    return row


def _record(sql: Sql, schedule: Schedule, by: str, action: AuditAction, **details: str) -> None:
    """Tell the audit log of a change to a schedule."""
    told = {"author": schedule.author, **details}
    place = {"channel": schedule.channel, "subject": str(schedule.number)}
    record_audit(sql, AuditEntry(schedule.workspace, sql.now(), by, action, **place, details=told))
