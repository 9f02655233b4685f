"""PostgreSQL as an engine: some threads and connections; every unit of work is one transaction of one of them."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import psycopg
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from core.domain.clock import Clock
from core.domain.errors import StoreNotReady, StoreUnavailable, StoreUnusable
from core.store.audit_log import AuditKeys
from core.store.postgres.connection import STATEMENT, CommitLost, LastingConnection, connect, was_committed
from core.store.postgres.guard import drop_guard
from core.store.postgres.listener import Listener
from core.store.postgres.problems import MOVED, REPEATED, explain, is_bug, is_stale_plan, name_database, passes
from core.store.postgres.schema import migrate
from core.store.postgres.standstill import StandstillWatch
from core.store.records.heartbeat import News
from core.store.sql_port import Sql, Unfit, prepare_and_do

T = TypeVar("T")

CONNECTIONS = 8  # of one process
PAUSES = wait_random_exponential(multiplier=0.02, max=0.5)  # seconds between two tries of a unit of work
REST = 60.0  # seconds between two sweeps

# What was erased stands in dead rows until they are vacuumed.
SWEPT = ("messages", "questions", "told", "threads", "pages", "notes", "files", "attached")

log = logging.getLogger(__name__)


class PostgresEngine:
    """A database on a server. Keeps the protocol `Engine`."""

    in_order = False

    def __init__(
        self,
        url: str,
        busy: timedelta,
        clock: Clock | None = None,
        longest: timedelta = STATEMENT,
        keys: AuditKeys | None = None,
    ) -> None:
        self.name = name_database(url)
        self._longest = longest
        self._url = url
        self._busy = busy
        self._clock = clock
        self._keys = keys or AuditKeys()
        self._executor = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="store")
        self._idle: list[LastingConnection] = []
        self._made: list[LastingConnection] = []
        self._standstill = StandstillWatch(url, self.name, busy / 2)
        self._sweeping: asyncio.Task[None] | None = None
        self._rested = 0.0

    async def open(self) -> None:
        """Connect and migrate. Raises StoreUnusable, and then nothing is left open."""
        try:
            await self._run(self._open)
        except BaseException:
            await self.shut()
            raise

    async def unit(self, work: Callable[[Sql], T], *, patient: bool = False) -> T:
        """What `work` does happens as a whole, or not at all. Raises StoreUnavailable.

        What did not happen for certain is repeated for a while: after a deadlock, or when the connection was lost.
        If the caller is cancelled, work that had begun still ends, one way or the other.
        """
        done: T = await prepare_and_do(self._do, work)
        return done

    async def _do(self, work: Callable[[Sql], Any]) -> Any:
        late = self._standstill.expect_end()
        try:
            async with asyncio.timeout((self._longest + self._busy).total_seconds()):
                return await self._run(partial(self._run_unit, work))
        except TimeoutError as error:
            raise StoreUnavailable(f"The database {self.name} cannot be used just now: it does not answer.") from error
        finally:
            late.cancel()

    def sweep_soon(self) -> None:
        """Begin to vacuum what was erased, and wait for nothing. Between two sweeps there is a rest."""
        if self._sweeping is None and time.monotonic() >= self._rested:
            self._sweeping = asyncio.create_task(self._sweep(), name="sweep of the database")

    async def finish_sweep(self) -> None:
        """Wait until no sweep is under way."""
        if self._sweeping is not None:
            await asyncio.wait([self._sweeping])

    async def listen(self, hear: Callable[[News], None]) -> None:
        """Tell what other processes announce, until cancelled."""
        await Listener(self._url, self.name, self._is_ours, hear).run()

    def _is_ours(self, pid: int) -> bool:
        return any(one.pid == pid for one in self._made)

    async def shut(self) -> None:
        """Do what waits, close all connections and end their threads."""
        await self.finish_sweep()
        await self._standstill.shut()
        await asyncio.to_thread(self._executor.shutdown)
        for connection in self._idle:
            connection.close()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _open(self) -> None:
        try:
            with connect(self._url) as connection:
                with connection.transaction():
                    migrate(connection)
                drop_guard(connection, timedelta(0))
        except (psycopg.Error, Unfit) as error:
            kind = StoreNotReady if passes(error) else StoreUnusable
            raise kind(f"The database {self.name} cannot be used: {explain(error)}.") from error

    def _run_unit(self, work: Callable[[Sql], T]) -> T:
        """On a thread: do it once, whatever happens to connections."""
        until = time.monotonic() + self._busy.total_seconds()
        try:
            return _repeat(until, partial(self._attempt, work, until))
        except psycopg.Error as error:
            if is_bug(error):
                raise
            raise StoreUnavailable(f"The database {self.name} cannot be used just now: {explain(error)}.") from error

    def _attempt(self, work: Callable[[Sql], T], until: float) -> T:
        with self._take_connection() as connection:
            try:
                result: T = connection.run(work)
            except CommitLost as lost:
                if not _repeat(until, partial(_learn_end, connection, lost.transaction)):
                    raise psycopg.OperationalError("the connection was lost before the transaction ended") from lost
                result = lost.result
        return result

    @contextmanager
    def _take_connection(self) -> Iterator[LastingConnection]:
        """A connection for the use of this thread alone: the one that was used last, whose server process and plans
        are warm. A list's `pop` and `append` are safe between threads.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = LastingConnection(self._url, self._busy, self._longest, self._clock, self._keys)
            self._made.append(connection)
        try:
            yield connection
        finally:
            self._idle.append(connection)

    async def _sweep(self) -> None:
        try:
            await self._run(self._vacuum)
        except (psycopg.Error, RuntimeError) as error:
            log.warning("what was erased is not vacuumed yet: %s", error)
        finally:
            self._sweeping = None
            self._rested = time.monotonic() + REST

    def _vacuum(self) -> None:
        with self._take_connection() as lasting, lasting.use() as connection:
            (last,) = connection.execute("SELECT max(id) FROM erasures").fetchone() or (None,)
            if last is not None:
                connection.execute(f"VACUUM {', '.join(SWEPT)}")
                connection.execute("DELETE FROM erasures WHERE id <= %s", (last,))


def _learn_end(connection: LastingConnection, transaction: str) -> bool:
    """Whether a transaction was committed whose connection was lost. Raises OperationalError while nobody knows."""
    with connection.use() as other:
        ended = was_committed(other, transaction)
    if ended is None:
        raise psycopg.OperationalError("the transaction has not ended yet")
    return ended


def _passes(error: BaseException) -> bool:
    """Whether the unit of work did not happen, and may the next time."""
    if isinstance(error, (*REPEATED, *MOVED)):
        return True
    lost = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    return lost or isinstance(error, psycopg.errors.TooManyConnections) or is_stale_plan(error)


def _repeat(until: float, work: Callable[[], T]) -> T:
    """Do it again while it did not happen and may, with growing pauses. Raises what it raised last."""
    tries = Retrying(retry=retry_if_exception(_passes), stop=partial(_has_ended, until), wait=PAUSES, reraise=True)
    result: T = tries(work)
    return result


def _has_ended(until: float, _state: RetryCallState) -> bool:
    return time.monotonic() >= until
