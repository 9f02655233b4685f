"""One connection to PostgreSQL and its transactions: begun with a limit on every wait, ended for certain."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from core.store.audit_log import AuditKeys
from core.store.postgres.problems import MOVED, read_address
from core.store.postgres.sql_adapter import PostgresSql

DEFAULTS: dict[str, str | int] = {
    "application_name": "confab",
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 10,  # seconds; a server that is gone is noticed after 19
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
"""What the address of a database may say otherwise."""
ISO = "ISO"  # the only style in which psycopg reads times
MILLISECOND = timedelta(milliseconds=1)
STATEMENT = timedelta(seconds=30)  # that no unit of work takes: a report over millions of requests takes less

# For this transaction alone, so that nothing is left behind on a server connection that a proxy shares. A process that
# is stopped in a transaction loses its locks before those who wait for them give up. And a unit of work reads so little
# that to start two more processes for it takes longer than they save: three times as long for an overview of 90 days.
LIMITS = (
    "set_config('statement_timeout', '{statement}', true), set_config('lock_timeout', '{lock}', true), "
    "set_config('idle_in_transaction_session_timeout', '{idle}', true), "
    "set_config('max_parallel_workers_per_gather', '0', true)"
)


class CommitLost(Exception):
    """The connection ended before the server said whether the transaction did."""

    def __init__(self, transaction: str, result: Any) -> None:
        self.transaction = transaction
        self.result = result


def write_address(url: str) -> str:
    """The address as libpq reads it, with what it leaves open. Raises Unfit for an unreadable one."""
    given = read_address(url)
    more = {name: value for name, value in DEFAULTS.items() if name not in given}
    return make_conninfo(url, **more, client_encoding="UTF8")


def connect(url: str) -> Connection[Any]:
    """A new connection, without a transaction. Raises psycopg.OperationalError, and Unfit for an unreadable address."""
    connection = psycopg.connect(write_address(url), autocommit=True)
    if not (connection.info.parameter_status("DateStyle") or ISO).startswith(ISO):
        connection.execute("SET datestyle = ISO")
    return connection


class LastingConnection:
    """A connection for one thread at a time, which is made when it is needed, and again after it was lost."""

    def __init__(
        self,
        url: str,
        busy: timedelta,
        longest: timedelta,
        clock: Callable[[], datetime] | None,
        keys: AuditKeys | None = None,
    ) -> None:
        self._url = url
        limits = LIMITS.format(
            statement=longest // MILLISECOND, lock=busy // MILLISECOND, idle=busy // MILLISECOND // 2
        )
        self._begin = ("BEGIN ISOLATION LEVEL READ COMMITTED", limits)
        self._clock = clock
        self._keys = keys
        self._connection: Connection[Any] | None = None

    def run(self, work: Callable[[PostgresSql], Any]) -> Any:
        """What `work` does in a transaction of its own. Raises CommitLost where nobody knows whether it ended."""
        with self.use() as connection:
            sql = PostgresSql(connection, self._clock, self._begin, self._keys)
            try:
                return _run_in_pipeline(connection, sql, work)
            finally:
                if not connection.broken and not connection.closed:
                    connection.rollback()  # nothing, after a commit

    @contextmanager
    def use(self) -> Iterator[Connection[Any]]:
        """The connection; it is dropped when it was lost, or when another one could do what it can't."""
        connection = self._connection or connect(self._url)
        self._connection = connection
        try:
            yield connection
        except MOVED:
            self.close()
            raise
        finally:
            if connection.broken:
                self.close()

    @property
    def pid(self) -> int:
        """The id of the server's process, which notifications name; 0 while there is none."""
        connection = self._connection
        return connection.info.backend_pid if connection is not None and not connection.closed else 0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _run_in_pipeline(connection: Connection[Any], sql: PostgresSql, work: Callable[[PostgresSql], Any]) -> Any:
    """Work and commit; the commit goes along with what was not sent before."""
    result, transaction = None, None
    try:
        with connection.pipeline() as pipeline:
            sql.sync = pipeline.sync
            result = work(sql)
            transaction = sql.identify()
            sql.finish()
    except psycopg.OperationalError as error:
        told = error.sqlstate is not None and not connection.broken  # by the server, of a statement that failed
        if transaction is None or told:
            raise
        raise CommitLost(transaction, result) from error
    return result


def was_committed(connection: Connection[Any], transaction: str) -> bool | None:
    """Whether a transaction of another connection was; None while it is under way."""
    row = connection.execute("SELECT pg_xact_status(%s::xid8)", (transaction,)).fetchone()
    assert row is not None
    return {"committed": True, "aborted": False}.get(row[0])
