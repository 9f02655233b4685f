"""The port `Sql` over a PostgreSQL connection, and what PostgreSQL writes differently.

Round trips are what a unit of work costs. So the beginning of a transaction, its locks, and what returns nothing go
together with the next statement whose rows are needed.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import dict_row

from core.domain.clock import count_seconds
from core.store.audit_log import AuditKeys
from core.store.sql_port import Row, Values

NAMED = re.compile(r"'[^']*'|%|(?<!:):(\w+)")  # a text, a percent sign, or a parameter

CHANNEL = "'confab_' || md5(current_schema())"  # names on which others are notified hold for all schemas of a database
LONGEST = 7_999  # bytes that PostgreSQL takes with a notification

ANNOUNCE = f"""
SELECT pg_notify({CHANNEL}, said) FROM (
    SELECT json_build_array(CAST(:subject AS text), process, workspace, channel, thread)::text AS said
    FROM ({{concerned}}) AS concerned
) AS news WHERE octet_length(said) <= {LONGEST}
"""  # noqa: S608  no value is in it


class PostgresSql:
    """Keeps the protocol `Sql` in a transaction of a connection, best in its pipeline mode: there nothing waits for
    what a statement returns but what needs it.
    """

    def __init__(
        self,
        connection: Connection[Any],
        clock: Callable[[], datetime] | None = None,
        begin: Sequence[str] = (),
        keys: AuditKeys | None = None,
    ) -> None:
        """`begin` is what begins the transaction, and what is selected first in it; none where it has begun already.

        `clock` counts in the place of the server's.
        """
        self.sync: Callable[[], None] | None = None
        """In pipeline mode, sends all that was not sent and waits for its end; the server then counts idle seconds."""
        self.keys = keys or AuditKeys()
        self._connection = connection
        self._clock = clock
        self._begin = begin
        self._locks: list[int] = []
        self._unsent: list[Callable[[], object]] = []
        self._expected: list[tuple[str, Values]] = []
        self._foreseen: list[tuple[str, Values, list[Row]]] = []
        self._begun: Cursor[Any] | None = None
        self._transaction: str | None = None
        self._wrote = False

    def finish(self) -> None:
        """Commit what was begun, with what was not sent before."""
        if self._unsent or not self._begin:
            self._send()
            self._connection.execute("COMMIT")

    def now(self) -> datetime:
        if self._clock is None or self._begin:
            self._send()
            if self.sync is not None:
                self.sync()
            self._learn_beginning()
        assert self._clock is not None
        return self._clock()

    def lease_time(self) -> datetime:
        """The server's clock, too: what a machine of ours believes moves no lease."""
        return self.now()

    def one(self, statement: str, values: Values) -> Row | None:
        if (rows := self._take_foreseen(statement, values)) is not None:
            return rows[0] if rows else None
        (cursor,) = self._ask((statement, values))
        return cursor.fetchone()

    def many(self, statement: str, values: Values) -> list[Row]:
        (rows,) = self.many_each((statement, values))
        return rows

    def many_each(self, *asked: tuple[str, Values]) -> list[list[Row]]:
        found = [self._take_foreseen(*one) for one in asked]
        missing = [one for one, rows in zip(asked, found, strict=True) if rows is None]
        more = iter([cursor.fetchall() for cursor in self._ask(*missing)] if missing else ())
        return [next(more) if rows is None else rows for rows in found]

    def foresee(self, *asked: tuple[str, Values]) -> None:
        """They go along with the next statement whose rows are needed."""
        self._expected += asked

    def execute(self, statement: str, values: Values) -> None:
        """In pipeline mode it is sent with the next statement whose rows are needed, or with the end."""
        self._queue_locks()
        self._wrote = True
        self._unsent.append(partial(self._connection.execute, translate(statement), dict(values)))
        if self.sync is None:
            self._send()

    def count_changes(self, statement: str, values: Values) -> int:
        """PostgreSQL counts what is returned."""
        return len(self.many(f"{statement} RETURNING 1 AS changed", values))

    def insert(self, table: str, row: Values) -> None:
        self.execute(_insertion(table, tuple(row)), row)

    def insert_numbered(self, table: str, row: Values) -> int:
        found = self.one(f"{_insertion(table, tuple(row))} RETURNING id", row)
        assert found is not None
        return int(found["id"])

    def insert_new(self, table: str, row: Values) -> None:
        self.execute(f"{_insertion(table, tuple(row))} ON CONFLICT DO NOTHING", row)

    def update(self, table: str, number: int, changes: Values) -> None:
        sets = ", ".join(f'"{name}" = :{name}' for name in changes)
        self.execute(f"UPDATE {table} SET {sets} WHERE id = :_id", {**changes, "_id": number})  # noqa: S608  columns

    def lock(self, name: str) -> None:
        """It is taken right before the next statement, which sees what others did before."""
        self._locks.append(_hash_name(name))

    def announce(self, subject: str, concerned: str, values: Values) -> None:
        self.execute(ANNOUNCE.format(concerned=concerned), {**values, "subject": subject})

    def identify(self) -> str | None:
        """The id of the transaction, if it may have written: whether it ended can be asked for by that."""
        if self._wrote and not self._transaction:
            row = self.one("SELECT pg_current_xact_id_if_assigned()::text AS id", {})
            self._transaction = row["id"] if row else None
        return self._transaction if self._wrote else None

    def among(self, column: str, names: str) -> str:
        return f"{column} = ANY(:{names})"

    def recursive(self, name: str, column: str, seed: str, steps: Sequence[tuple[str, str, str]], most: str) -> str:
        """PostgreSQL lets a recursive query name itself once: the steps are one arm, and read row by row."""
        arms = " UNION ALL ".join(f"SELECT {what} FROM {tables} WHERE {where}" for what, tables, where in steps)  # noqa: S608
        grown = f"SELECT grown.value FROM {name} CROSS JOIN LATERAL ({arms}) AS grown (value)"  # noqa: S608
        return f"WITH RECURSIVE {name} ({column}) AS ({seed} UNION {grown}) SELECT {column} FROM {name} LIMIT :{most}"  # noqa: S608

    def _ask(self, *asked: tuple[str, Values]) -> list[Cursor[Row]]:
        """Send all that waits and these, in one round trip. Their rows are here, and what the server said first."""
        self._send()
        expected, self._expected = self._expected, []
        cursors = []
        for statement, values in (*asked, *expected):
            self._wrote = self._wrote or " RETURNING " in statement
            cursors.append(self._connection.cursor(row_factory=dict_row).execute(translate(statement), values))
        if self.sync is not None:
            self.sync()
        self._learn_beginning()
        for (statement, values), cursor in zip(expected, cursors[len(asked) :], strict=True):
            self._foreseen.append((statement, select_values(statement, values), cursor.fetchall()))
        return cursors[: len(asked)]

    def _take_foreseen(self, statement: str, values: Values) -> list[Row] | None:
        """The rows that came before they were asked for, the first time that they are."""
        if not self._foreseen:
            return None
        wanted = statement, select_values(statement, values)
        at = next((place for place, one in enumerate(self._foreseen) if one[:2] == wanted), None)
        return None if at is None else self._foreseen.pop(at)[2]

    def _send(self) -> None:
        """Begin, if that is still to be done, and send what waits, right before what is waited for.

        The server counts no idle seconds after what it was sent without an end: a process that is stopped there would
        keep its locks for as long as it stands still.
        """
        self._queue_locks()
        unsent, self._unsent = self._unsent, []
        for one in unsent:
            one()

    def _queue_locks(self) -> None:
        """The locks are taken before what is asked next."""
        locks, self._locks = self._locks, []
        if locks or self._begin:
            self._unsent.append(partial(self._take_locks, locks))

    def _take_locks(self, locks: Sequence[int]) -> None:
        """Begin, if that is still to be done, and take the locks."""
        wanted = ["pg_advisory_xact_lock(%s)"] * len(locks)
        if self._begin:
            (begin, first), self._begin = self._begin, ()
            self._connection.execute(begin)
            identity = "pg_current_xact_id()::text" if locks else "NULL"  # who locks will write
            chosen = ", ".join([first, *wanted, "clock_timestamp() AS at", f"{identity} AS id"])
            self._begun = self._connection.cursor(row_factory=dict_row).execute(f"SELECT {chosen}", locks)
        elif locks:
            chosen = ", ".join([*wanted, "clock_timestamp() AS at", "pg_current_xact_id()::text AS id"])
            self._begun = self._connection.cursor(row_factory=dict_row).execute(f"SELECT {chosen}", locks)

    def _learn_beginning(self) -> None:
        """What the server said of the time, right after it is here, and of the transaction."""
        if self._begun is not None:
            row, self._begun = self._begun.fetchone(), None
            assert row is not None
            self._transaction = row["id"]
            self._clock = self._clock or _count_from(row["at"])


def _hash_name(name: str) -> int:
    """The number of a lock, the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _count_from(began: Any) -> Callable[[], datetime]:
    """The server's clock, which said `began` just now."""
    assert isinstance(began, datetime)
    started = count_seconds()
    return lambda: began + timedelta(seconds=count_seconds() - started)


@lru_cache(maxsize=512)
def translate(statement: str) -> str:
    """The statement with psycopg's parameters: `%(name)s` for `:name`."""

    def write(match: re.Match[str]) -> str:
        if match[1]:
            return f"%({match[1]})s"
        return match[0].replace("%", "%%")

    return NAMED.sub(write, statement)


@lru_cache(maxsize=512)
def _list_names(statement: str) -> tuple[str, ...]:
    return tuple(name for name in NAMED.findall(statement) if name)


def select_values(statement: str, values: Values) -> Values:
    """Those of the values that a statement names."""
    return {name: values[name] for name in _list_names(statement)}


@lru_cache(maxsize=128)
def _insertion(table: str, names: tuple[str, ...]) -> str:
    columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({values})"  # noqa: S608  columns
