"""Backup: the database as it stands at one moment, in a file of its own, while others go on writing."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlite_utils import Database

from core.domain.errors import StoreUnusable
from core.store.protocols import Copied, ReadRows
from core.store.sql_port import Unfit
from core.store.sqlite.connection import DAMAGED, MEMORY, count_migrations, create, explain_error, migrate
from core.store.sqlite.unit_of_work import transaction
from core.store.transfer.mark import MARK, sync_folder

MIGRATED = "_sqlite_migrations"
DRAFT = ".confab-"  # begins the folder's name in which a copy grows until it is whole
BESIDE = ("", "-wal", "-shm", "-journal")  # SQLite takes such a neighbour for a part of the database
TAKEN = (*BESIDE, MARK)  # with the last one no bot would start on it


def copy_database(path: str, target: str, busy: timedelta) -> Copied:
    """Copy the database `path` into the new file `target`, its owner's alone; what was erased is not in it.

    Until the copy is whole there is no `target`. Raises StoreUnusable, and then nothing is left of it either.
    """
    try:
        if os.path.realpath(target) in {os.path.realpath(path) + ending for ending in TAKEN}:
            raise _Unwritable("it is the database itself; name another file")
        rows = _place_copy(lambda draft: _draft_copy(path, draft, busy), Path(target), busy)
        return Copied(path, target, Path(target).stat().st_size, rows)
    except (OSError, _Unwritable) as error:
        raise StoreUnusable(f"The backup {target} cannot be written: {explain_error(error)}.") from error
    except (sqlite3.DatabaseError, Unfit) as error:
        raise StoreUnusable(f"The database {path} cannot be copied: {explain_error(error)}.") from error


def write_copy(name: str, read: ReadRows, target: str, busy: timedelta) -> Copied:
    """Write the rows of another engine's database `name` into the new file `target`, which this engine can open.

    Raises StoreUnusable, and then nothing is left of it.
    """
    try:
        rows = _place_copy(lambda draft: _draft_rows(read, draft), Path(target), busy)
        return Copied(name, target, Path(target).stat().st_size, rows)
    except (OSError, sqlite3.DatabaseError, Unfit) as error:
        raise StoreUnusable(f"The backup {target} cannot be written: {explain_error(error)}.") from error


def _place_copy(fill: Callable[[str], dict[str, int]], target: Path, busy: timedelta) -> dict[str, int]:
    """Let `fill` make the file, check it, and give it its name."""
    _refuse_overwriting(target)
    with TemporaryDirectory(prefix=DRAFT, dir=target.parent) as folder:
        draft = os.path.join(folder, target.name)
        rows = fill(draft)
        _check(draft, rows, busy)
        _refuse_overwriting(target)
        os.rename(draft, target)
    sync_folder(str(target.parent))
    return rows


def _draft_rows(read: ReadRows, draft: str) -> dict[str, int]:
    """Write what `read` gives into a new database; how many rows each table has then."""
    create(draft)
    with closing(Database(sqlite3.connect(draft), execute_plugins=False)) as copy:
        with transaction(copy):
            migrate(copy)
            copy.execute("PRAGMA defer_foreign_keys = ON")
            for name in copy.table_names():
                if name != MIGRATED:
                    _fill_table(copy, name, read)
        return _count_rows(copy)


def _fill_table(copy: Database, name: str, read: ReadRows) -> None:
    columns = [row["name"] for row in copy.query(f"PRAGMA table_info({name})")]  # those that are not generated
    written = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join("?" * len(columns))
    copy.conn.executemany(f"INSERT INTO {name} ({written}) VALUES ({values})", read(name, columns))  # noqa: S608  ours


def _refuse_overwriting(target: Path) -> None:
    """Refuse what would overwrite something, or be overwritten by SQLite, or not be started on."""
    for ending in TAKEN:
        if os.path.lexists(f"{target}{ending}"):
            raise _Unwritable(f"{target}{ending} exists already; name another file, or move that one away")


def _draft_copy(path: str, draft: str, busy: timedelta) -> dict[str, int]:
    """Copy one moment of `path`; how many rows each table had then."""
    create(draft)
    with _open_snapshot(path, busy) as db, closing(sqlite3.connect(draft)) as copy:
        rows = _count_rows(db)
        try:
            db.conn.backup(copy)
        except sqlite3.DatabaseError as error:
            raise _Unwritable(explain_error(error)) from error
    return rows


@contextmanager
def _open_snapshot(path: str, busy: timedelta) -> Iterator[Database]:
    """The database as it is now, whatever others write meanwhile; who writes does not wait for us."""
    if path == MEMORY:
        raise Unfit("it is in memory; set DATABASE_URL to a file, as in sqlite:///confab.db")
    if not os.path.exists(path):
        raise Unfit("there is none; see DATABASE_URL, and the folder in which this was started")
    address = f"{Path(path).absolute().as_uri()}?mode=rw"
    db = Database(sqlite3.connect(address, busy.total_seconds(), uri=True), execute_plugins=False)
    with closing(db):
        db.execute("BEGIN")
        if not count_migrations(db):
            raise Unfit("it is not Confab's; see DATABASE_URL")
        yield db


def _check(draft: str, rows: Mapping[str, int], busy: timedelta) -> None:
    """Open the copy, clear out of it what was erased, and see that it is whole. It becomes one single file."""
    with closing(Database(sqlite3.connect(draft), execute_plugins=False)) as copy:
        copy.disable_wal()
        same = _count_rows(copy) == rows
        with transaction(copy):
            copy.table("erasures").delete_where()
        copy.vacuum()
        whole = [row["integrity_check"] for row in copy.query("PRAGMA integrity_check(1)")] == ["ok"]
    if not (same and whole):
        raise Unfit(DAMAGED)


def _count_rows(db: Database) -> dict[str, int]:
    return {name: db.table(name).count for name in db.table_names()}


class _Unwritable(Unfit):
    """It is the copy that cannot be, not the database."""
