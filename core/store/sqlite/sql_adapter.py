"""The port `Sql` over SQLite: statements that the driver has compiled before, and what SQLite writes differently.

Rows are written without sqlite-utils, which looks up a table, its columns and its keys anew for every row: a third of
what a question cost the store.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from core.domain.clock import Clock
from core.store.audit_log import AuditKeys
from core.store.sql_port import Row, Values

UNDECODABLE = "Could not decode to UTF-8"  # how the driver's error begins
QUERIES = ("SELECT", "WITH")  # how statements begin that can be run twice


class SqliteSql:
    """Keeps the protocol `Sql` in the open transaction of a database."""

    def __init__(
        self, db: Database, clock: Clock, keys: AuditKeys | None = None, lease_clock: Clock | None = None
    ) -> None:
        self.db = db
        self.now = clock
        self.lease_time = lease_clock or clock
        self.keys = keys or AuditKeys()

    def one(self, statement: str, values: Values) -> Row | None:
        return next(iter(self._fetch(statement, values, most=1)), None)

    def many(self, statement: str, values: Values) -> list[Row]:
        return self._fetch(statement, values)

    def many_each(self, *asked: tuple[str, Values]) -> list[list[Row]]:
        return [self.many(*one) for one in asked]

    def foresee(self, *asked: tuple[str, Values]) -> None:
        """Nothing: here no statement waits for another."""

    def execute(self, statement: str, values: Values) -> None:
        self._run(statement, values)

    def count_changes(self, statement: str, values: Values) -> int:
        return self._run(statement, values).rowcount

    def insert(self, table: str, row: Values) -> None:
        self._run(_insertion(table, row), row)

    def insert_numbered(self, table: str, row: Values) -> int:
        return int(self._run(_insertion(table, row), row).lastrowid or 0)

    def insert_new(self, table: str, row: Values) -> None:
        self._run(f"{_insertion(table, row)} ON CONFLICT DO NOTHING", row)

    def update(self, table: str, number: int, changes: Values) -> None:
        sets = ", ".join(f'"{name}" = :{name}' for name in changes)
        self._run(f"UPDATE {table} SET {sets} WHERE id = :_id", {**changes, "_id": number})  # noqa: S608  columns

    def lock(self, name: str) -> None:
        """Nothing: a transaction here is alone, from its beginning on."""

    def announce(self, subject: str, concerned: str, values: Values) -> None:
        """Nothing: the processes of a file are few and near, and look by themselves."""

    def among(self, column: str, names: str) -> str:
        return f"{column} IN (SELECT value FROM json_each(:{names}))"  # noqa: S608  names of the rules

    def recursive(self, name: str, column: str, seed: str, steps: Sequence[tuple[str, str, str]], most: str) -> str:
        arms = [f"SELECT {what} FROM {name}, {tables} WHERE {where}" for what, tables, where in steps]  # noqa: S608
        union = " UNION ".join([seed, *arms])
        return f"WITH RECURSIVE {name} ({column}) AS ({union} LIMIT :{most}) SELECT {column} FROM {name}"  # noqa: S608

    def _fetch(self, statement: str, values: Values, most: int = -1) -> list[Row]:
        """Rows of a statement. A text that is not UTF-8, which only others can have written, is read as it can be."""
        try:
            return _read_rows(self._run(statement, values), most)
        except sqlite3.OperationalError as error:
            if not str(error).startswith(UNDECODABLE) or not statement.lstrip().startswith(QUERIES):
                raise
        strict, self.db.conn.text_factory = self.db.conn.text_factory, lambda raw: raw.decode(errors="replace")
        try:
            return _read_rows(self._run(statement, values), most)
        finally:
            self.db.conn.text_factory = strict

    def _run(self, statement: str, values: Values) -> sqlite3.Cursor:
        """`Database.execute` and `query` would look for what the statement does: we know, and are in a transaction."""
        return self.db.conn.execute(statement, _bind_lists(values))


def _read_rows(found: sqlite3.Cursor, most: int) -> list[Row]:
    rows = found.fetchall() if most < 0 else found.fetchmany(most)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _insertion(table: str, row: Values) -> str:
    names, values = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
    return f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608  columns


def _bind_lists(values: Values) -> Mapping[str, Any]:
    """The values with lists as JSON."""
    if list not in map(type, values.values()):
        return values
    return {name: json.dumps(value) if type(value) is list else value for name, value in values.items()}
