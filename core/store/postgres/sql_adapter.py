"""The port `Sql` over a PostgreSQL connection, and what PostgreSQL writes differently.

Round trips are what a unit of work costs, so the beginning of a transaction and its locks go together, right before the
first statement that needs them.
"""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from core.store.sql_port import Row, Values

BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps
NAMED = re.compile(r"'[^']*'|%|(?<!:):(\w+)")  # a text, a percent sign, or a parameter


class PostgresSql:
    """Keeps the protocol `Sql` in the open transaction of a connection."""

    def __init__(
        self, connection: Connection[Any], clock: Callable[[], datetime] | None = None, begin: Sequence[str] = ()
    ) -> None:
        """`begin` begins the transaction, where that is to be done; `clock` counts in the place of the server's."""
        self._connection = connection
        self._clock = clock
        self._pending = list(begin)
        self._beginning = bool(begin)
        self.wrote = False
        """Whether a row may have been changed, so that the end of the transaction matters."""
        self.transaction: str | None = None
        """Its id, if that is known already."""

    @property
    def begun(self) -> bool:
        return not self._beginning

    def now(self) -> datetime:
        self._send()
        assert self._clock is not None
        return self._clock()

    def one(self, statement: str, values: Values) -> Row | None:
        self._send()
        with self._connection.cursor(row_factory=dict_row) as cursor:
            self._note_write(statement)
            return cursor.execute(translate(statement), values).fetchone()

    def many(self, statement: str, values: Values) -> list[Row]:
        self._send()
        with self._connection.cursor(row_factory=dict_row) as cursor:
            self._note_write(statement)
            return cursor.execute(translate(statement), values).fetchall()

    def execute(self, statement: str, values: Values) -> int:
        self._begin_write()
        return self._connection.execute(translate(statement), values).rowcount

    def insert(self, table: str, row: Values) -> int:
        self._begin_write()
        found = self._connection.execute(f"{_insertion(table, tuple(row))} RETURNING id", row).fetchone()
        assert found is not None
        return int(found[0])

    def insert_new(self, table: str, row: Values) -> bool:
        self._begin_write()
        return self._connection.execute(f"{_insertion(table, tuple(row))} ON CONFLICT DO NOTHING", row).rowcount > 0

    def update(self, table: str, number: int, changes: Values) -> None:
        self._begin_write()
        sets = ", ".join(f'"{name}" = %({name})s' for name in changes)
        self._connection.execute(f"UPDATE {table} SET {sets} WHERE id = %(_id)s", {**changes, "_id": number})  # noqa: S608  columns

    def lock(self, name: str) -> None:
        self._pending.append(f"SELECT pg_advisory_xact_lock({_hash_name(name)})")

    def among(self, column: str, names: str) -> str:
        return f"{column} = ANY(:{names})"

    def recursive(self, name: str, column: str, seed: str, steps: Sequence[tuple[str, str, str]], most: str) -> str:
        """PostgreSQL lets a recursive query name itself once: the steps are one arm, and read row by row."""
        arms = " UNION ALL ".join(f"SELECT {what} FROM {tables} WHERE {where}" for what, tables, where in steps)  # noqa: S608
        grown = f"SELECT grown.value FROM {name} CROSS JOIN LATERAL ({arms}) AS grown (value)"  # noqa: S608
        return f"WITH RECURSIVE {name} ({column}) AS ({seed} UNION {grown}) SELECT {column} FROM {name} LIMIT :{most}"  # noqa: S608

    def _begin_write(self) -> None:
        self._send()
        self.wrote = True

    def _send(self) -> None:
        """Begin, if that is still to be done, and take the locks; what is asked next sees what others did before."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        if self._beginning:
            writes = any("pg_advisory" in one for one in pending)  # who locks will write
            pending.append(f"SELECT clock_timestamp(), {'pg_current_xact_id()::text' if writes else 'NULL'}")
        cursor = self._connection.execute(";".join(pending))
        while cursor.nextset():
            pass
        if self._beginning:
            self._beginning = False
            at, self.transaction = cursor.fetchone() or (None, None)
            self._clock = self._clock or _count_from(at)

    def _note_write(self, statement: str) -> None:
        self.wrote = self.wrote or " RETURNING " in statement


def _hash_name(name: str) -> int:
    """The number of a lock, the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _count_from(began: Any) -> Callable[[], datetime]:
    """The server's clock, which said `began` just now."""
    assert isinstance(began, datetime)
    started = time.clock_gettime(BOOT)
    return lambda: began + timedelta(seconds=time.clock_gettime(BOOT) - started)


@lru_cache(maxsize=512)
def translate(statement: str) -> str:
    """The statement with psycopg's parameters: `%(name)s` for `:name`."""

    def write(match: re.Match[str]) -> str:
        if match[1]:
            return f"%({match[1]})s"
        return match[0].replace("%", "%%")

    return NAMED.sub(write, statement)


@lru_cache(maxsize=128)
def _insertion(table: str, names: tuple[str, ...]) -> str:
    columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(f"%({name})s" for name in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({values})"  # noqa: S608  columns
