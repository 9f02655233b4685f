"""SQLite as what a database moves from: read only, at one moment, while no bot can begin to write it."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core.domain.clock import system_clock
from core.domain.errors import StoreUnusable
from core.store.sql_port import Unfit, parse_stamp, stamp
from core.store.sqlite.backup import BESIDE, MIGRATED
from core.store.sqlite.connection import MEMORY, count_migrations, explain_error, list_migrations
from core.store.transfer.mark import MoveMark, ensure_markable, find_mark, write_mark
from core.store.transfer.portable import TableShape, UnfitValue

TABLES = """
SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^' AND name <> :migrated
"""
OLDER = (
    "an older version wrote it; run `DATABASE_URL=sqlite:///{path} confab usage` with this version once, which brings "
    "its tables up to date, and begin again"
)
LIVES = "a process of Confab uses it, alive {seconds} seconds ago; stop it, or wait {stale} seconds if it has died"


@dataclass(frozen=True, slots=True)
class SqliteSource:
    """Keeps the protocol `SourceDatabase`."""

    name: str
    bytes: int
    db: Database

    def list_tables(self) -> Sequence[str]:
        return [row["name"] for row in self.db.query(TABLES, {"migrated": MIGRATED})]

    def list_columns(self, table: TableShape) -> Sequence[str]:
        return [row["name"] for row in self.db.query(f'PRAGMA table_info("{table.name}")')]

    def count_rows(self, table: TableShape) -> int:
        return self.db.table(table.name).count

    def read(self, table: TableShape) -> Iterator[Sequence[Any]]:
        """In the order in which they were written, as far as they have numbers."""
        self.db.conn.text_factory = bytes
        columns = ", ".join(f'"{name}"' for name in table.name_columns())
        return self.db.conn.execute(f'SELECT {columns} FROM "{table.name}"')  # noqa: S608  ours

    def list_orphans(self, table: TableShape) -> Iterator[UnfitValue]:
        self.db.conn.text_factory = str
        for row in self.db.query(f'PRAGMA foreign_key_check("{table.name}")'):
            what = f"names a row of {row['parent']} that is not there"
            yield UnfitValue(row["table"], f"rowid {row['rowid']}", f"foreign key {row['fkid']}", what, lost=True)

    def find_mark(self) -> MoveMark | None:
        return find_mark(self.name)

    def ensure_markable(self, target: str) -> None:
        ensure_markable(self.name, target)

    def mark_moved(self, target: str) -> None:
        write_mark(self.name, target, system_clock().astimezone(UTC))


@contextmanager
def open_source(path: str, stale: timedelta, busy: timedelta) -> Iterator[SqliteSource]:
    """The database in the file `path`, which is not written, and which nobody else can write meanwhile.

    Raises StoreUnusable, also where a process had a heartbeat in the last `stale`.
    """
    try:
        if path == MEMORY or not os.path.exists(path):
            raise Unfit("there is none; name its file, as in sqlite:///confab.db or /data/confab.db")
        if not os.path.isfile(path):
            raise Unfit("it is no file; name the file of the database, as in sqlite:///confab.db or /data/confab.db")
        address = Path(path).absolute().as_uri()
        with _open(f"{address}?mode=ro", busy) as db, _keep_others_out(f"{address}?mode=rw", busy):
            db.execute("BEGIN")
            _ensure_current(db, path)
            _ensure_at_rest(db, stale)
            size = sum(os.path.getsize(path + end) for end in BESIDE if os.path.exists(path + end))
            yield SqliteSource(os.path.realpath(path), size, db)
    except (OSError, sqlite3.DatabaseError, Unfit) as error:
        raise StoreUnusable(f"The database {path} cannot be moved: {explain_error(error)}.") from error


@contextmanager
def _open(address: str, busy: timedelta) -> Iterator[Database]:
    """A connection whose first use is the caller's: SQLite opens a file when it is read."""
    opened = sqlite3.connect(address, busy.total_seconds(), uri=True, isolation_level=None)
    with closing(Database(opened, execute_plugins=False)) as db:
        yield db


@contextmanager
def _keep_others_out(address: str, busy: timedelta) -> Iterator[None]:
    """Hold the lock of writers and write nothing. It ends before who reads: so nothing moves out of the log either."""
    with _open(address, busy) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_READONLY":
                raise
        yield


def _ensure_current(db: Database, path: str) -> None:
    had = count_migrations(db)
    if not had:
        raise Unfit("it is not Confab's")
    if had < len(list_migrations()):
        raise Unfit(OLDER.format(path=path))


def _ensure_at_rest(db: Database, stale: timedelta) -> None:
    now = system_clock()
    since = {"since": stamp(now - stale)}
    beats = [row["beat_at"] for row in db.query("SELECT beat_at FROM processes WHERE beat_at >= :since", since)]
    if beats:
        silent = now.astimezone(UTC) - max(map(parse_stamp, beats))
        raise Unfit(LIVES.format(seconds=max(0, int(silent.total_seconds())), stale=int(stale.total_seconds())))
