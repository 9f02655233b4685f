"""PostgreSQL as what a database moves to: until all of it is there and was compared, no bot starts on it."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from graphlib import TopologicalSorter
from typing import Any

import psycopg
from psycopg import Connection, errors, sql
from psycopg.conninfo import conninfo_to_dict

from core.domain.errors import StoreUnusable
from core.domain.wording import list_some
from core.store.postgres.connection import connect
from core.store.postgres.guard import disarm_guard, drop_guard, lock_tables, pass_guard, set_guard
from core.store.postgres.problems import FOREIGN, explain, name_database
from core.store.postgres.schema import MOVING, NAMES, PATIENCE, UNWHOLE, ensure_fit, migrate, read_migrations, read_move
from core.store.sql_port import Unfit, stamp
from core.store.transfer.portable import ColumnShape, TableShape

AT_ONCE = 2_000  # rows in memory
LARGER = 2  # times as large as in SQLite: rows have longer heads, and tables and log are written both
KINDS = {
    "text": ("text", 64),
    "bool": ("boolean", 64),
    "int8": ("integer", 64),
    "int4": ("integer", 32),
    "float8": ("real", 64),
}
COLUMNS = """
SELECT relname, attname, typname, attnotnull, coalesce(attnum = ANY(indkey::int2[]), FALSE)
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY relname, attnum
"""
PARENTS = """
SELECT child.relname, parent.relname FROM pg_constraint
JOIN pg_class AS child ON child.oid = conrelid JOIN pg_class AS parent ON parent.oid = confrelid
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND conrelid <> confrelid
"""
NUMBERED = "SELECT pg_get_serial_sequence(quote_ident(%s), 'id')"
MARK = "SELECT 1 FROM schema_migrations WHERE name = %s FOR UPDATE"
SESSION = """
SELECT set_config(name, CASE name
    WHEN 'application_name' THEN 'confab move' WHEN 'extra_float_digits' THEN '1' ELSE '0' END, false) FROM pg_settings
WHERE name IN ('application_name', 'idle_session_timeout', 'extra_float_digits')
"""
"""Nobody ends it while the source is read, neither the server nor a bot that takes it for one of its own that stands
still, and numbers come back as they went there."""
LIVING = "SELECT count(*) FROM processes WHERE beat_at >= %s"

SCHEMAS = """
SELECT nspname, current_schema() FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE pg_class.oid = to_regclass('schema_migrations')
"""
USUAL = "public"  # a database's first schema, which addresses need not name

LIVES = "a process of Confab runs on it; stop it, or wait {} seconds if it has died"
HOLDS = "it holds data already ({}); name an empty database, or one with an empty schema"
OTHER_SCHEMA = (
    "its search_path leads to tables of Confab in the schema {}, and new ones would stand in {}; let it name one schema"
)
OTHER_VERSION = "another version of Confab began the move; use that one, or name an empty database"
OTHER = "a part of {} was moved to it; move that one on, or name an empty database"
BUSY = "another `confab migrate-database` writes to it just now; let it end"
ENDED = "another `confab migrate-database` has ended the move meanwhile, or somebody has emptied it"
NO_ROOM = "its disk has {free} MB free, and about {needed} MB are needed; make room"
AGAIN = "; then give the same command again, and the move goes on"
MEGABYTE = 1_000_000


@dataclass(slots=True)
class PostgresTarget:
    """Keeps the protocol `TargetDatabase` over a connection."""

    name: str
    connection: Connection[Any]
    stale: timedelta
    _mark: str = ""

    @property
    def begun(self) -> bool:
        """Whether a part of the source may stand there."""
        return bool(self._mark)

    def describe(self, source: str, size: int) -> Sequence[TableShape]:
        """The tables are made to be looked at, and taken back."""
        with self.connection.transaction(force_rollback=True):
            ensure_fit(self.connection)
            _ensure_own_schema(self.connection)
            found = read_move(self.connection)
            if found is not None and found != source:
                raise Unfit(OTHER.format(found))
            _ensure_room(self.connection, size)
            if found is not None:
                _ensure_same_version(self.connection)
                return _list_tables(self.connection)
            self._migrate()
            tables = _list_tables(self.connection)
            self._ensure_empty(tables)
            return tables

    def begin(self, source: str) -> None:
        """The mark stands among the migrations: versions that know of no move take it for one of a newer version.

        A bot that opened the database before is kept from writing, also after this move was interrupted.
        """
        self._mark = MOVING + source
        with self.connection.transaction():
            self.connection.execute(PATIENCE)
            pass_guard(self.connection)
            if read_move(self.connection) is None:
                self._migrate()
                tables = _list_tables(self.connection)
                set_guard(self.connection, [table.name for table in tables], UNWHOLE.format(source))
                self._ensure_empty(tables)
                self.connection.execute("DELETE FROM processes")  # of those that have ended
                self.connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", (self._mark,))

    def read(self, table: TableShape) -> Iterator[tuple[Any, ...]]:
        with self.connection.transaction(), self.connection.cursor(f"read_{table.name}") as cursor:
            self.connection.execute(PATIENCE)
            cursor.itersize = AT_ONCE
            yield from cursor.execute(_write("SELECT {columns} FROM {table}", table))

    def write(self, table: TableShape, rows: Iterable[Sequence[Any]]) -> None:
        with self._hold():
            if self.connection.execute(_write("SELECT 1 FROM {table} LIMIT 1", table)).fetchone():
                raise Unfit(ENDED)
            with (
                self.connection.cursor() as cursor,
                cursor.copy(_write("COPY {table} ({columns}) FROM STDIN", table)) as copy,
            ):
                for row in rows:
                    copy.write_row(row)

    def clear(self, tables: Sequence[TableShape]) -> None:
        with self._hold():
            lock_tables(self.connection, [table.name for table in tables], "ACCESS EXCLUSIVE")
            self.connection.execute(_list_names("TRUNCATE {}", tables))

    def finish(
        self, tables: Sequence[TableShape], compare: Callable[[TableShape, Iterable[Sequence[Any]]], None]
    ) -> None:
        """Numbers that the server gives go on after the highest one."""
        with self._hold():
            lock_tables(self.connection, [table.name for table in tables], "SHARE ROW EXCLUSIVE")
            for table in tables:
                compare(table, self.read(table))
                self._count_on(table)
            self.connection.execute(_list_names("ANALYZE {}", tables))
            disarm_guard(self.connection)
            self.connection.execute("DELETE FROM schema_migrations WHERE name = %s", (self._mark,))
        drop_guard(self.connection)

    def _migrate(self) -> None:
        stand = _list_tables(self.connection)
        if stand and read_migrations(self.connection) is None:
            raise Unfit(FOREIGN)
        try:
            migrate(self.connection)
        except errors.DuplicateTable as error:
            raise Unfit(FOREIGN) from error

    def _ensure_empty(self, tables: Sequence[TableShape]) -> None:
        (now,) = self.connection.execute("SELECT clock_timestamp()").fetchone() or (None,)
        assert now is not None
        (living,) = self.connection.execute(LIVING, (stamp(now - self.stale),)).fetchone() or (0,)
        if living:
            raise Unfit(LIVES.format(int(self.stale.total_seconds())))
        others = [table for table in tables if table.name != "processes"]
        counted = {
            one.name: (self.connection.execute(_write("SELECT count(*) FROM {table}", one)).fetchone() or (0,))[0]
            for one in others
        }
        if held := [f"{name} {count}" for name, count in counted.items() if count]:
            raise Unfit(HOLDS.format(list_some(held)))

    @contextmanager
    def _hold(self) -> Iterator[None]:
        """A transaction in which no other move goes on. Raises Unfit where this one is not ours any more."""
        with self.connection.transaction():
            self.connection.execute(PATIENCE)
            try:
                marked = self.connection.execute(MARK, (self._mark,)).fetchone()
            except errors.LockNotAvailable:
                raise Unfit(BUSY) from None
            if marked is None:
                raise Unfit(ENDED)
            pass_guard(self.connection)
            yield

    def _count_on(self, table: TableShape) -> None:
        if "id" in table.name_columns():
            (sequence,) = self.connection.execute(NUMBERED, (table.name,)).fetchone() or (None,)
            if sequence is not None:
                asked = "SELECT setval(%s, max(id)) FROM {table} HAVING max(id) >= 1"
                self.connection.execute(_write(asked, table), (sequence,))


@contextmanager
def open_target(url: str, stale: timedelta) -> Iterator[PostgresTarget]:
    """The database of `url`, to be filled. Raises StoreUnusable."""
    name = name_database(url)
    target = None
    try:
        with connect(url) as connection:
            connection.execute(SESSION)
            name = _name_schema(name, connection)
            target = PostgresTarget(name, connection, stale)
            yield target
    except (psycopg.Error, Unfit) as error:
        again = AGAIN if target and target.begun and isinstance(error, psycopg.OperationalError) else ""
        raise StoreUnusable(f"The database {name} cannot be filled: {_explain_end(error)}{again}.") from error


def _name_schema(name: str, connection: Connection[Any]) -> str:
    """The name of a database with that of its schema, unless that is the usual one: each schema may hold a Confab."""
    (schema,) = connection.execute("SELECT current_schema()").fetchone() or (None,)
    return name if schema in {None, USUAL} else f"{name} (schema {schema})"


def _ensure_own_schema(connection: Connection[Any]) -> None:
    """Raises Unfit where Confab's tables are found in another schema than the one in which new ones are made."""
    (other, own) = connection.execute(SCHEMAS).fetchone() or (None, None)
    if other != own:
        raise Unfit(OTHER_SCHEMA.format(other, own))


def _explain_end(error: psycopg.Error | Unfit) -> str:
    """Cause and mend, in the words of the command: the address is no setting there."""
    told = explain(error).replace("DATABASE_URL", "TO")
    if isinstance(error, psycopg.Error) and (where := error.diag.context) and where.startswith("COPY"):
        told += f" ({_name_place(where)})"
    return told


def _name_place(context: str) -> str:
    """Which table and row a COPY ended at; never what the row holds."""
    return context.partition(": ")[0].partition(", column")[0]


def _list_tables(connection: Connection[Any]) -> list[TableShape]:
    """The tables of the schema, those first that others refer to."""
    found: dict[str, list[ColumnShape]] = {}
    for table, name, typename, required, key in connection.execute(COLUMNS):
        if typename not in KINDS:
            raise Unfit(FOREIGN)
        kind, bits = KINDS[typename]
        found.setdefault(table, []).append(ColumnShape(name, kind, required, key, bits))
    order = TopologicalSorter({name: set[str]() for name in found})
    for child, parent in connection.execute(PARENTS):
        order.add(child, parent)
    return [TableShape(name, tuple(found[name])) for name in order.static_order()]


def _ensure_same_version(connection: Connection[Any]) -> None:
    """That the tables of a move which goes on are those of this version."""
    had = {name for (name,) in connection.execute("SELECT name FROM schema_migrations") if not name.startswith(MOVING)}
    if had != set(NAMES):
        raise Unfit(OTHER_VERSION)


def _ensure_room(connection: Connection[Any], size: int) -> None:
    """Where the server's disk is this machine's, as far as this user may know."""
    given = conninfo_to_dict(connection.info.dsn)
    host = str(given.get("host") or "")
    if not (host.startswith("/") or host in {"", "localhost", "127.0.0.1", "::1"}):
        return
    allowed = "SELECT current_setting('data_directory') WHERE pg_has_role('pg_read_all_settings', 'USAGE')"
    (folder,) = connection.execute(allowed).fetchone() or ("",)
    if folder and os.path.isdir(folder):
        ensure_free(shutil.disk_usage(folder).free, size)


def ensure_free(free: int, size: int) -> None:
    """Raises Unfit where a database of `size` bytes does not fit into `free`."""
    if free < LARGER * size:
        raise Unfit(NO_ROOM.format(free=free // MEGABYTE, needed=LARGER * size // MEGABYTE))


def _write(statement: str, table: TableShape) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.name_columns()))
    return sql.SQL(statement).format(table=sql.Identifier(table.name), columns=columns)


def _list_names(statement: str, tables: Sequence[TableShape]) -> sql.Composed:
    names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
    return sql.SQL(statement).format(names)
