"""File deletions: an outbox of files that are to be deleted at Claude's API, tried again until they are gone."""

from datetime import datetime, timedelta

from core.store.records.files import FileDeletion, FileState, WaitingDeletions
from core.store.sql_port import Row, Sql, parse_stamp, stamp

ABANDONED = timedelta(minutes=2)  # after which an upload is under way no more: none takes that long

UPLOADING = "SELECT * FROM files WHERE upload IS NOT NULL AND begun_at < :before"

ABANDON = """
UPDATE files SET state = :state, upload = NULL, problem = 'its upload was abandoned'
WHERE id = :id AND upload = :upload
"""

DUE = "SELECT * FROM file_deletions WHERE due_at <= :now ORDER BY due_at, id LIMIT :most"

END = "DELETE FROM file_deletions WHERE id = :id"

WAITING = "SELECT count(*) AS count, min(at) AS oldest FROM file_deletions"

PROBLEM = "SELECT problem FROM file_deletions ORDER BY at, id LIMIT 1"


def request_deletion(sql: Sql, workspace: str, api_key: str, file_id: str | None, upload: str | None) -> None:
    """Put a file into the outbox: by its id, else by the name of an upload that may have happened. One has neither."""
    if not (file_id or upload):
        return
    row = {"workspace": workspace, "api_key": api_key, "file_id": file_id, "upload": None if file_id else upload}
    sql.insert("file_deletions", {**row, "at": stamp(sql.now()), "due_at": stamp(sql.lease_time())})


def claim_deletions(sql: Sql, limit: int, lease: timedelta) -> list[FileDeletion]:
    """What is due, and for so long no other process's. Uploads of processes that died are given up on, and among it."""
    now, leased = sql.now(), sql.lease_time()
    values = {"before": stamp(leased - ABANDONED), "now": stamp(leased), "most": limit}
    for row in sql.many(UPLOADING, values):
        if sql.count_changes(ABANDON, {"id": row["id"], "upload": row["upload"], "state": FileState.INLINE.value}):
            request_deletion(sql, row["workspace"], row["api_key"], None, row["upload"])
    due = sql.many(DUE, values)
    for row in due:
        sql.update("file_deletions", row["id"], {"due_at": stamp(leased + lease)})
    return [_read_deletion(row, now) for row in due]


def end_deletion(sql: Sql, deletion: FileDeletion) -> None:
    """It is gone."""
    sql.execute(END, {"id": deletion.id})


def postpone_deletion(sql: Sql, deletion: FileDeletion, pause: timedelta, problem: str) -> None:
    """Try it again later."""
    changes = {"due_at": stamp(sql.lease_time() + pause), "tries": deletion.tries + 1, "problem": problem}
    sql.update("file_deletions", deletion.id, changes)


def count_deletions(sql: Sql) -> WaitingDeletions:
    """What waits in the outbox."""
    row = sql.one(WAITING, {})
    if not (row and row["count"]):
        return WaitingDeletions()
    oldest = sql.one(PROBLEM, {})
    return WaitingDeletions(row["count"], parse_stamp(row["oldest"]), (oldest and oldest["problem"]) or "")


def _read_deletion(row: Row, now: datetime) -> FileDeletion:
    age = now - parse_stamp(row["at"])
    return FileDeletion(row["id"], row["api_key"], row["file_id"], row["upload"], row["tries"], age)
