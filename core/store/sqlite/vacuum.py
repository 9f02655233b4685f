"""Vacuum: what was erased leaves the file and its write-ahead log.

SQLite overwrites what is deleted, but a row that moved to another page leaves a copy behind, and the log keeps old
pages until it is emptied. So both are rewritten, step by step, so that others come in between.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlite_utils import Database

from core.store.sqlite.unit_of_work import transaction

PATIENCE = timedelta(milliseconds=20)  # a sweep that would have to wait for another process is done later
GLANCE = 2_000  # steps of SQLite's machine, about 0.1 ms, after which it looks whether somebody waits

log = logging.getLogger(__name__)


def ignore_others() -> bool:
    """Nobody waits for the database."""
    return False


def sweep(db: Database, busy: timedelta, has_waiting: Callable[[], bool] = ignore_others) -> Iterator[None]:
    """Clear away what was erased until now; between two steps, the database is free for others.

    The last step but one rewrites the file: 100,000 messages take a second. While SQLite reads them it is given up as
    soon as the database `has_waiting` callers. What can't be done stays written down for the next sweep.
    """
    try:
        (last,) = db.execute("SELECT max(id) FROM erasures").fetchone()
        if last is None:
            return
        if not _empty_log(db, busy):  # or the log would grow by the whole file at every attempt
            return
        yield
        if not _rewrite(db, busy, has_waiting):
            return
        yield
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


def _rewrite(db: Database, busy: timedelta, has_waiting: Callable[[], bool]) -> bool:
    """Whether the file could be rewritten before anybody wanted it."""
    if has_waiting():
        return False
    db.conn.set_progress_handler(has_waiting, GLANCE)
    try:
        with _limit_waiting(db, busy):
            db.vacuum()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        raise
    finally:
        db.conn.set_progress_handler(None, 0)
    return True


@contextmanager
def _limit_waiting(db: Database, busy: timedelta) -> Iterator[None]:
    _set_busy_timeout(db, PATIENCE)
    try:
        yield
    finally:
        _set_busy_timeout(db, busy)


def _set_busy_timeout(db: Database, busy: timedelta) -> None:
    db.execute(f"PRAGMA busy_timeout = {busy // timedelta(milliseconds=1)}")
