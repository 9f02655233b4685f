"""The condition of a database: what can be told of it without making or changing it."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from core.domain.errors import StoreUnusable
from core.store.rules.questions import waiting
from core.store.sqlite.connection import MEMORY, MENDS, Unfit, known, mend
from core.store.sqlite.schema import migrations

PROBE = "written_by_the_check"  # a table that is taken back as soon as it could be made


@dataclass(frozen=True, slots=True)
class Condition:
    """How a database stands. One that the next start will make has no version and no bytes."""

    path: str
    version: int = 0
    """How many migrations it has had."""
    newest: int = 0
    """How many there are."""
    bytes: int = 0
    free: int | None = None
    """Bytes left on its disk; None for one in memory."""
    waiting: int = 0
    """Open questions."""
    oldest: datetime | None = None
    """When the oldest of them was asked."""


def condition(path: str, busy: timedelta) -> Condition:
    """The condition of the database in the file `path`. Raises StoreUnusable if it can't be read and written."""
    try:
        if path == MEMORY:
            return Condition(path, newest=_newest())
        free = shutil.disk_usage(Path(path).absolute().parent).free
        found = _read(path, busy) if os.path.exists(path) else _unmade(path)
        return replace(found, newest=_newest(), free=free)
    except (OSError, sqlite3.DatabaseError, Unfit) as error:
        raise StoreUnusable(f"The database {path} cannot be used: {mend(error)}.") from error


def _unmade(path: str) -> Condition:
    if not os.access(Path(path).absolute().parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise Unfit(MENDS[sqlite3.SQLITE_READONLY])
    return Condition(path)


def _read(path: str, busy: timedelta) -> Condition:
    size = sum(os.path.getsize(path + end) for end in ("", "-wal") if os.path.exists(path + end))
    with _untouched(path, busy) as db:
        version = known(db)
        if not version:
            return _empty(path, db)
        count, oldest = waiting(db) if db.table("questions").exists() else (0, None)
        return Condition(path, version, bytes=size, waiting=count, oldest=oldest)


def _empty(path: str, db: Database) -> Condition:
    if db.table_names() != [PROBE]:
        raise Unfit("it is not Confab's; name another file")
    return Condition(path)


@contextmanager
def _untouched(path: str, busy: timedelta) -> Iterator[Database]:
    """The database in the middle of a write that is taken back: SQLite begins one also where it can't write."""
    address = f"{Path(path).absolute().as_uri()}?mode=rw"
    db = Database(sqlite3.connect(address, busy.total_seconds(), uri=True), execute_plugins=False)
    with closing(db):
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute(f"CREATE TABLE {PROBE} (x)")
            yield db
        finally:
            db.rollback()


def _newest() -> int:
    with Database(memory=True, execute_plugins=False) as empty:
        return len(migrations.pending(empty))
