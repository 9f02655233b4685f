"""Vacuum: what was erased leaves the file and its write-ahead log.

SQLite overwrites what is deleted, but where rows were moved between two pages a copy may stay behind in the unused part
of a page, and the log keeps old pages until it is emptied. So rows walk to the end of their table, some at a time: a
page that all rows have left is overwritten as a whole, and at the end nothing old is left. SQLite's own VACUUM would
keep everybody waiting for as long as it takes to write the whole file.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlite_utils import Database

from core.store.sqlite.unit_of_work import transaction

PATIENCE = timedelta(milliseconds=20)  # a step that would have to wait for another process is tried again later
WALKING = ("messages", "questions", "told")  # tables that hold people's words
STEP = 100  # rows that move at once: 5 ms, and what the disk takes

FIRST_AND_LAST = """
SELECT min(number), max(number)
FROM (SELECT rowid AS number FROM {table} WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?)
"""

log = logging.getLogger(__name__)


def sweep(db: Database, busy: timedelta) -> Iterator[None]:
    """Clear away what was erased until now; between two steps, the database is free for others.

    What can't be done stays written down for the next sweep.
    """
    try:
        (last,) = db.execute("SELECT max(id) FROM erasures").fetchone()
        if last is None:
            return
        if not _empty_log(db, busy):  # or the log would grow by the whole file at every attempt
            return
        yield
        for table in WALKING:
            yield from _walk(db, table, busy)
        if _empty_log(db, busy):
            with transaction(db):
                db.table("erasures").delete_where("id <= ?", [last])
    except sqlite3.DatabaseError as error:
        log.warning("what was erased is not cleared out of the database yet: %s", error)


def _empty_log(db: Database, busy: timedelta) -> bool:
    """Whether the log could be emptied: not while another process reads what is in it."""
    with _limit_waiting(db, busy):
        blocked, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not blocked


def _walk(db: Database, table: str, busy: timedelta) -> Iterator[None]:
    """Move every row that a table has now behind its last one, in their order."""
    (end,) = db.execute(f"SELECT max(rowid) FROM {table}").fetchone()  # noqa: S608  ours
    moved: int | None = 0
    while moved is not None and end is not None:
        try:
            with _limit_waiting(db, busy), transaction(db):
                moved = _move_rows(db, table, moved, end)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        yield


def _move_rows(db: Database, table: str, after: int, end: int) -> int | None:
    """Move the next rows; the number that the last of them had, None if there are no more."""
    first, last = db.execute(FIRST_AND_LAST.format(table=table), [after, end, STEP]).fetchone()
    if first is None:
        return None
    (top,) = db.execute(f"SELECT max(rowid) FROM {table}").fetchone()  # noqa: S608  ours
    change = [top - first + 1, first, last]
    db.execute("PRAGMA defer_foreign_keys = ON")
    db.execute(f"UPDATE {table} SET rowid = rowid + ? WHERE rowid BETWEEN ? AND ?", change)  # noqa: S608  ours
    if table == "questions":
        db.execute("UPDATE pages SET question = question + ? WHERE question BETWEEN ? AND ?", change)
    return int(last)


@contextmanager
def _limit_waiting(db: Database, busy: timedelta) -> Iterator[None]:
    _set_busy_timeout(db, PATIENCE)
    try:
        yield
    finally:
        _set_busy_timeout(db, busy)


def _set_busy_timeout(db: Database, busy: timedelta) -> None:
    db.execute(f"PRAGMA busy_timeout = {busy // timedelta(milliseconds=1)}")
