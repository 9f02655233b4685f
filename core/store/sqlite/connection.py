"""One database and the one thread that owns it; everything happens in units of work."""

import asyncio
import errno
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import cache, partial
from typing import Any, TypeVar

from sqlite_utils import Database

from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreUnavailable, StoreUnusable
from core.store.audit_log import AuditKeys
from core.store.records.heartbeat import News
from core.store.sql_port import Sql, Unfit, prepare_and_do
from core.store.sqlite.lease_clock import open_lease_clock
from core.store.sqlite.schema import migrations
from core.store.sqlite.sql_adapter import SqliteSql
from core.store.sqlite.unit_of_work import Unit, transaction
from core.store.sqlite.vacuum import sweep
from core.store.transfer.mark import ensure_unmoved, name_mark

T = TypeVar("T")

MEMORY = ":memory:"
BUSY = timedelta(seconds=5)  # how long a unit waits for another process to finish its own
PATIENCE = 0.1  # seconds that a patient unit waits for others that it may come along with
TOGETHER = 0.005  # seconds after which a transaction takes no more units: who waits for the first waits for all
REST = 20  # times as long as a sweep takes
STATEMENTS = 512  # that stay compiled: all of them, about 4 kB each
EXHAUSTED = object()
FULL = {errno.ENOSPC, errno.EDQUOT}
KIND = 0xFF  # the part of SQLite's result codes that names the kind of error
BUGS = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}

DAMAGED = "it is damaged; restore a copy, or move it away and threads are read again"
MENDS = {
    sqlite3.SQLITE_NOTADB: "it is not a database; name another file, or move this one away",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_BUSY: "another program keeps it locked; end that program and start again",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; see that its folder exists and this user may write there",
    sqlite3.SQLITE_READONLY: "it cannot be written; give this user the right to write the file and its folder",
    sqlite3.SQLITE_FULL: "the disk is full; make room and start again",
}
ANYTHING = "SQLite could not read or write it; see that the disk is well"


class DatabaseThread:
    """A database in the hands of its own thread. Keeps the protocol `Engine`."""

    in_order = True

    def __init__(
        self,
        path: str,
        busy: timedelta = BUSY,
        clock: Clock | None = None,
        keys: AuditKeys | None = None,
        wall: Clock = system_clock,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """All times are those of `clock`; without one, the time of day is that of `wall`, and leases count steadily."""
        self.path = path
        self._mark = "" if path == MEMORY else name_mark(path)
        self.busy = busy
        self._clock = clock
        self._wall = wall
        self._keys = keys
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._db: Database | None = None
        self._sql: SqliteSql | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._rested = 0.0
        self._ending = False
        self._waiting: deque[Unit] = deque()
        self._working = False
        self._patience = patience
        self._due: asyncio.TimerHandle | None = None
        """When those that are patient begin, unless others come before."""

    async def open(self) -> None:
        """Connect and migrate. Raises StoreUnusable, and then nothing is left open."""
        try:
            await self._run(self._open)
        except BaseException:
            await self.shut()
            raise

    async def unit(self, work: Callable[[Sql], T], *, patient: bool = False) -> T:
        """What `work` does happens as a whole, or not at all. Raises StoreUnavailable.

        Units that wait at the same time share a transaction: what one write to the disk costs, they pay together. So
        one that is `patient` waits for the next that is not. All are done in the order in which they were asked for.
        If the caller is cancelled, work that had begun still ends, one way or the other.
        """
        done: T = await prepare_and_do(partial(self._do, patient=patient), work)
        return done

    async def _do(self, work: Callable[[Sql], Any], *, patient: bool) -> Any:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(Unit(work, answered))
        if not patient:
            self._begin_soon(loop)
        elif self._due is None:
            self._due = loop.call_later(self._patience, self._begin_soon, loop)
        return await answered

    def sweep_soon(self) -> None:
        """Begin to clear what was erased out of the file, and wait for nothing. Between two sweeps there is a rest."""
        if self._sweeping is None and time.monotonic() >= self._rested:
            self._sweeping = asyncio.create_task(self._sweep(), name="sweep of the database")

    async def finish_sweep(self) -> None:
        """Wait until no sweep is under way."""
        if self._sweeping is not None:
            await asyncio.wait([self._sweeping])

    async def listen(self, hear: Callable[[News], None]) -> None:
        """Nothing is told: see `SqliteSql.announce`."""

    async def shut(self) -> None:
        """Do what waits, close the database and end its thread. A sweep goes on after the next start."""
        self._ending = True
        await self.finish_sweep()
        waiting = list(self._waiting)  # the thread takes from it meanwhile
        if waiting:
            self._begin_soon(asyncio.get_running_loop())
            await asyncio.wait([unit.answered for unit in waiting])
        try:
            await self._run(self._close)
        finally:
            self._executor.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _open(self) -> None:
        try:
            self._ensure_unmoved()
            create(self.path)
            busy = self.busy.total_seconds()
            connection = sqlite3.connect(self.path, busy, cached_statements=STATEMENTS)
            self._db = Database(connection, execute_plugins=False)
            prepare(self._db)
            with self._transact(self._db):
                self._ensure_unmoved()  # again: a move may have held the lock that this waited for
                migrate(self._db)
                leases = self._clock or open_lease_clock(self._db, self._wall)
            self._sql = SqliteSql(self._db, self._clock or self._wall, self._keys, leases)
        except (OSError, sqlite3.DatabaseError, Unfit) as error:
            raise StoreUnusable(f"The database {self.path} cannot be used: {explain_error(error)}.") from error

    def _ensure_unmoved(self) -> None:
        if self._mark and os.path.lexists(self._mark):
            ensure_unmoved(self.path)

    def _transact(self, db: Database) -> AbstractContextManager[None]:
        return transaction(db)

    def _begin_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """With what is waiting, and with all that is asked for in the same moment."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if not self._working:
            self._working = True
            loop.call_soon(self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._executor.submit(self._work, loop)
        except RuntimeError as error:  # the thread has ended
            self._resolve(loop, self._fail(error))

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the thread: do what waits, in one transaction as long as that is quick."""
        units: list[Unit] = []
        try:
            sql, until = self._require_open(), time.monotonic() + TOGETHER
            with self._transact(sql.db):
                self._ensure_unmoved()  # as this machine may have slept while it was
                while self._waiting and time.monotonic() < until:
                    units.append(self._waiting.popleft())
                    units[-1].do(sql.db, sql, first=len(units) == 1)
        except Exception as error:
            units = self._fail(error, units)
        loop.call_soon_threadsafe(self._resolve, loop, units)

    def _fail(self, error: Exception, begun: Sequence[Unit] = ()) -> list[Unit]:
        """None of those that were begun happened, or when not even one could be, of those that wait."""
        units = list(begun) or [self._waiting.popleft() for _ in range(len(self._waiting))]
        for unit in units:
            unit.fail(error)
        return units

    def _resolve(self, loop: asyncio.AbstractEventLoop, units: list[Unit]) -> None:
        for unit in units:
            unit.resolve(self._name_error)
        self._working = bool(self._waiting)
        if self._working:
            self._begin(loop)

    def _name_error(self, error: Exception) -> Exception:
        """What callers know: the database cannot be used just now, or a bug of ours as it is."""
        if isinstance(error, Unfit):
            return StoreUnavailable(f"The database {self.path} cannot be used: {error}.")
        if not isinstance(error, sqlite3.DatabaseError) or error_kind(error) in BUGS:
            return error
        return StoreUnavailable(f"The database {self.path} cannot be used just now: {error}.")

    async def _sweep(self) -> None:
        """One step after the other; in between, others are served."""
        steps = sweep(self._require_open().db, self.busy)
        try:
            while not self._ending and await self._run(partial(self._step_sweep, steps)):
                pass
        finally:
            self._sweeping = None

    def _step_sweep(self, steps: Iterator[None]) -> bool:
        """On the thread: one step of a sweep. Whether there are more."""
        began = time.monotonic()
        more = next(steps, EXHAUSTED) is not EXHAUSTED
        ended = time.monotonic()
        self._rested = max(self._rested, ended) + REST * (ended - began)
        return more

    def _require_open(self) -> SqliteSql:
        if self._sql is None:
            raise RuntimeError("the database is not open")
        return self._sql

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = self._sql = None


def create(path: str) -> None:
    """A new database is its owner's alone; SQLite gives its log and its index the same mode."""
    if path != MEMORY and not os.path.exists(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def prepare(db: Database) -> None:
    """Make every commit last, and what is deleted gone."""
    if any(row["quick_check"] != "ok" for row in db.query("PRAGMA quick_check(1)")):
        raise Unfit(DAMAGED)
    db.enable_wal()
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")


def migrate(db: Database) -> None:
    """Bring the tables up to date. Raises Unfit when they are ahead of us."""
    if count_migrations(db) or db.table_names():
        migrations.apply(db)
    else:
        for statement in list_statements():
            db.conn.execute(statement)


@cache
def list_statements() -> Sequence[str]:
    """What makes a new database, in a tenth of the time that all migrations take one after the other."""
    with Database(memory=True, execute_plugins=False) as migrated:
        migrations.apply(migrated)
        return [*migrated.conn.iterdump()][1:-1]  # without BEGIN and COMMIT


@cache
def list_migrations() -> frozenset[str]:
    with Database(memory=True, execute_plugins=False) as empty:
        return frozenset(migration.name for migration in migrations.pending(empty))


def count_migrations(db: Database) -> int:
    """How many of our migrations the tables have had. Raises Unfit when they have had others."""
    had = {migration.name for migration in migrations.applied(db)}
    if ahead := had - list_migrations():
        raise Unfit(f"a newer version wrote it ({', '.join(sorted(ahead))}); update, or restore an older copy")
    return len(had)


def explain_error(error: Exception) -> str:
    if isinstance(error, Unfit):
        return str(error)
    return f"{MENDS.get(error_kind(error), ANYTHING)} ({error})"


def error_kind(error: Exception) -> int:
    if isinstance(error, OSError):
        return sqlite3.SQLITE_FULL if error.errno in FULL else sqlite3.SQLITE_CANTOPEN
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & KIND
