"""Sweeping: what was erased leaves the file, with its index and its log.

SQLite overwrites what is deleted, but a row that moved to another page leaves a copy behind, the search index keeps
its words until it is merged, and the write-ahead log keeps old pages until it is emptied. So all three are rewritten,
step by step, so that others come in between.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlite_utils import Database

from core.store.sqlite.transaction import transaction

PATIENCE = timedelta(milliseconds=20)  # a sweep that would have to wait for another process is done later
MERGED = 64  # pages of the search index that one step merges
GLANCE = 2_000  # steps of SQLite's machine, about 0.1 ms, after which it looks whether somebody waits
MERGE = "INSERT INTO messages_fts (messages_fts, rank) VALUES ('merge', ?)"

log = logging.getLogger(__name__)


def undisturbed() -> bool:
    return False


def sweep(db: Database, busy: timedelta, disturbed: Callable[[], bool] = undisturbed) -> Iterator[None]:
    """Clear away what was erased until now; between two steps, the database is free for others.

    The last step but one rewrites the file: 100,000 messages take a second. While it reads them it is given up as soon
    as it is `disturbed`. What can't be done stays written down for the next sweep.
    """
    try:
        (last,) = db.execute("SELECT max(id) FROM erasures").fetchone()
        if last is None:
            return
        if not _empty(db, busy):  # or the log would grow by the whole file at every attempt
            return
        yield
        yield from _merge(db)
        if not _rewrite(db, busy, disturbed):
            return
        yield
        if _empty(db, busy):
            with transaction(db):
                db.table("erasures").delete_where("id <= ?", [last])
    except sqlite3.DatabaseError as error:
        log.warning("what was erased is not cleared out of the database yet: %s", error)


def _empty(db: Database, busy: timedelta) -> bool:
    """Empty the log. Whether that was possible: not while another process reads what is in it."""
    with _retry_policy(db, busy):
        blocked, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not blocked


def _merge(db: Database) -> Iterator[None]:
    """Merge the parts of the search index into one, in which no deleted word is left."""
    pages = -MERGED  # a negative number begins with all parts
    while True:
        before = db.conn.total_changes
        with transaction(db):
            db.execute(MERGE, [pages])
        if db.conn.total_changes - before < 2:  # SQLite's way to say that nothing is left to merge
            return
        pages = MERGED
        yield


def _rewrite(db: Database, busy: timedelta, disturbed: Callable[[], bool]) -> bool:
    """Whether the file could be rewritten before anybody wanted it."""
    if disturbed():
        return False
    db.conn.set_progress_handler(disturbed, GLANCE)
    try:
        with _retry_policy(db, busy):
            db.vacuum()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        raise
    finally:
        db.conn.set_progress_handler(None, 0)
    return True


@contextmanager
def _retry_policy(db: Database, busy: timedelta) -> Iterator[None]:
    _wait(db, PATIENCE)
    try:
        yield
    finally:
        _wait(db, busy)


def _wait(db: Database, busy: timedelta) -> None:
    db.execute(f"PRAGMA busy_timeout = {busy // timedelta(milliseconds=1)}")
