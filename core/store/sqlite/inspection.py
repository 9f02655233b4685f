"""The condition of a database: what can be told of it without making or changing it."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from sqlite_utils import Database

from core.domain.clock import system_clock
from core.domain.controls import Votes
from core.domain.errors import StoreUnusable
from core.store.places.budgets import list_zones
from core.store.places.key_values import list_server_notes
from core.store.places.personas import list_models
from core.store.places.shards.leases import list_overviews
from core.store.records.files import WaitingDeletions
from core.store.records.jobs import WaitingBatches
from core.store.records.reports.condition import Condition
from core.store.rules.feedback import count_all_votes
from core.store.rules.file_deletions import count_deletions
from core.store.rules.installations import list_installations
from core.store.rules.jobs.batches import count_waiting
from core.store.rules.parking import count_open
from core.store.sql_port import Unfit
from core.store.sqlite.connection import MEMORY, MENDS, count_migrations, explain_error
from core.store.sqlite.schema import migrations
from core.store.sqlite.sql_adapter import SqliteSql
from core.store.transfer.mark import explain_mark, find_mark

HEADER = b"SQLite format 3\0"  # begins every database, and so every copy of one, whatever its name
COPIES = {".bak", ".bz2", ".db", ".dump", ".gz", ".sql", ".sqlite", ".sqlite3", ".xz", ".zip", ".zst"}
ENTRIES = 10_000  # of a folder that are looked at
PROBE = "written_by_the_check"  # a table that is taken back as soon as it could be made


def inspect_database(path: str, busy: timedelta) -> Condition:
    """The condition of the database in the file `path`. Raises StoreUnusable if it can't be read and written."""
    try:
        if path == MEMORY:
            return Condition(path, newest=_count_newest())
        free = shutil.disk_usage(Path(path).absolute().parent).free
        found = _inspect_file(path, busy) if os.path.exists(path) else _inspect_unmade(path)
        mark = find_mark(path)
        return replace(found, newest=_count_newest(), free=free, moved=explain_mark(mark) if mark else "")
    except (OSError, sqlite3.DatabaseError, Unfit) as error:
        raise StoreUnusable(f"The database {path} cannot be used: {explain_error(error)}.") from error


def find_database_files(path: str) -> list[str]:
    """The database in the file `path`, its sidecars, and beside it other databases, and copies named after it."""
    if path == MEMORY:
        return []
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder or ".") as entries:
            beside = [entry.name for entry in islice(entries, ENTRIES) if entry.is_file()]
    except OSError:  # there is no folder, or it may not be listed
        beside = []
    found = [one for one in beside if _is_named_after(name, one) or _is_database(os.path.join(folder, one))]
    return [os.path.join(folder, one) for one in found]


def _is_named_after(name: str, other: str) -> bool:
    """Whether `other` is `name`, a sidecar of it, or called like a copy: confab.db.old, confab-2026-11-27.db.gz."""
    stem = os.path.splitext(name)[0]
    return other.startswith(name) or (other.startswith(stem) and not COPIES.isdisjoint(Path(other).suffixes))


def _is_database(path: str) -> bool:
    """Whether a file has a database's header. Not for ours: closing it would give up SQLite's locks of this process."""
    try:
        with open(path, "rb") as file:
            return file.read(len(HEADER)) == HEADER
    except OSError:
        return False


def _inspect_unmade(path: str) -> Condition:
    if not os.access(Path(path).absolute().parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise Unfit(MENDS[sqlite3.SQLITE_READONLY])
    return Condition(path)


def _inspect_file(path: str, busy: timedelta) -> Condition:
    size = sum(os.path.getsize(path + end) for end in ("", "-wal") if os.path.exists(path + end))
    with _open_untouched(path, busy) as db:
        version = count_migrations(db)
        if not version:
            return _inspect_empty(path, db)
        sql = SqliteSql(db, system_clock)
        parks = db.table("tool_calls").exists()
        count, oldest = count_open(sql, parks=parks) if db.table("questions").exists() else (0, None)
        models = tuple(list_models(sql)) if db.table("personas").exists() else ()
        zones = tuple(list_zones(sql)) if db.table("budgets").exists() else ()
        votes = count_all_votes(sql) if db.table("votes").exists() else Votes()
        deletions = count_deletions(sql) if db.table("file_deletions").exists() else WaitingDeletions()
        batches = count_waiting(sql) if db.table("jobs").exists() else WaitingBatches()
        installed = list_installations(sql) if db.table("installations").exists() else ()
        notes = list_server_notes(sql) if db.table("notes").exists() else {}
        found = Condition(path, version, bytes=size, waiting=count, oldest=oldest, models=models)
        found = replace(found, votes=votes, deletions=deletions, batches=batches)
        shards = list_overviews(sql) if db.table("shard_holders").exists() else {}
        return replace(found, zones=zones, notes=notes, installations=installed, shards=shards)


def _inspect_empty(path: str, db: Database) -> Condition:
    if db.table_names() != [PROBE]:
        raise Unfit("it is not Confab's; name another file")
    return Condition(path)


@contextmanager
def _open_untouched(path: str, busy: timedelta) -> Iterator[Database]:
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


def _count_newest() -> int:
    with Database(memory=True, execute_plugins=False) as empty:
        return len(migrations.pending(empty))
