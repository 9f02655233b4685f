"""Vacuum: what was erased leaves the file and its write-ahead log.

SQLite overwrites what is deleted, but a row that moved to another page leaves a copy behind, and the log keeps old
pages until it is emptied. So both are rewritten.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlite_utils import Database

from core.store.sqlite.unit_of_work import transaction

PATIENCE = timedelta(milliseconds=100)  # a sweep that would have to wait for another process is done later

log = logging.getLogger(__name__)


def sweep(db: Database, busy: timedelta) -> None:
    """Clear away what was erased until now; if that can't be done, it stays written down for the next sweep.

    100,000 messages take a second.
    """
    (last,) = db.execute("SELECT max(id) FROM erasures").fetchone()
    if last is None:
        return
    try:
        with _limit_waiting(db, busy):
            if _empty_log(db):  # or the log would grow by the whole file at every attempt
                db.vacuum()
                if _empty_log(db):
                    with transaction(db):
                        db.table("erasures").delete_where("id <= ?", [last])
    except sqlite3.OperationalError as error:
        log.warning("what was erased is not cleared out of the database yet: %s", error)


def _empty_log(db: Database) -> bool:
    """Whether the log could be emptied: not while another process reads what is in it."""
    blocked, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not blocked


@contextmanager
def _limit_waiting(db: Database, busy: timedelta) -> Iterator[None]:
    _set_busy_timeout(db, PATIENCE)
    try:
        yield
    finally:
        _set_busy_timeout(db, busy)


def _set_busy_timeout(db: Database, busy: timedelta) -> None:
    db.execute(f"PRAGMA busy_timeout = {busy // timedelta(milliseconds=1)}")
