"""The port `Sql` over a PostgreSQL connection, and what PostgreSQL writes differently."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from core.store.sql_port import Row, Values

NAMED = re.compile(r"'[^']*'|%|(?<!:):(\w+)")  # a text, a percent sign, or a parameter


class PostgresSql:
    """Keeps the protocol `Sql` in the open transaction of a connection."""

    def __init__(self, connection: Connection[Any], now: Callable[[], datetime]) -> None:
        self._connection = connection
        self.now = now
        self.wrote = False
        """Whether a row may have been changed, so that the end of the transaction matters."""

    def one(self, statement: str, values: Values) -> Row | None:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            self._note_write(statement)
            return cursor.execute(translate(statement), values).fetchone()

    def many(self, statement: str, values: Values) -> list[Row]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            self._note_write(statement)
            return cursor.execute(translate(statement), values).fetchall()

    def execute(self, statement: str, values: Values) -> int:
        self.wrote = True
        return self._connection.execute(translate(statement), values).rowcount

    def insert(self, table: str, row: Values) -> int:
        self.wrote = True
        found = self._connection.execute(f"{_insertion(table, tuple(row))} RETURNING id", row).fetchone()
        assert found is not None
        return int(found[0])

    def insert_new(self, table: str, row: Values) -> bool:
        self.wrote = True
        return self._connection.execute(f"{_insertion(table, tuple(row))} ON CONFLICT DO NOTHING", row).rowcount > 0

    def update(self, table: str, number: int, changes: Values) -> None:
        self.wrote = True
        sets = ", ".join(f'"{name}" = %({name})s' for name in changes)
        self._connection.execute(f"UPDATE {table} SET {sets} WHERE id = %(_id)s", {**changes, "_id": number})  # noqa: S608  columns

    def lock(self, name: str) -> None:
        self._connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))

    def among(self, column: str, names: str) -> str:
        return f"{column} = ANY(:{names})"

    def recursive(self, name: str, column: str, seed: str, steps: Sequence[tuple[str, str, str]], most: str) -> str:
        """PostgreSQL lets a recursive query name itself once: the steps are one arm, and read row by row."""
        arms = " UNION ALL ".join(f"SELECT {what} FROM {tables} WHERE {where}" for what, tables, where in steps)  # noqa: S608
        grown = f"SELECT grown.value FROM {name} CROSS JOIN LATERAL ({arms}) AS grown (value)"  # noqa: S608
        return f"WITH RECURSIVE {name} ({column}) AS ({seed} UNION {grown}) SELECT {column} FROM {name} LIMIT :{most}"  # noqa: S608

    def _note_write(self, statement: str) -> None:
        self.wrote = self.wrote or " RETURNING " in statement


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
