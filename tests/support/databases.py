"""Databases for tests on either engine: made for a folder, and read from outside."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support import postgres

SQLITE = "sqlite"
POSTGRES = "postgres"
WORDS_OF_CALLS = "call NOT LIKE '#%' OR arguments <> '{}' OR result IS NOT NULL"
"""Of tool calls: such as keep more than that they acted. There are none where no question is open."""
ENGINES = pytest.mark.parametrize("databases", [SQLITE, POSTGRES], indirect=True)
"""Runs a test once on each engine, with the fixture `databases`."""

TABLES = {
    SQLITE: "SELECT name FROM sqlite_master WHERE type = 'table'",
    POSTGRES: "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


@dataclass(frozen=True, slots=True)
class Database:
    """A database, read from outside."""

    url: str

    @property
    def engine(self) -> str:
        return SQLITE if self.url.startswith("sqlite") else POSTGRES

    @property
    def path(self) -> Path:
        """The file of SQLite."""
        return Path(self.url.removeprefix("sqlite:///"))

    def count(self, table: str, where: str = "TRUE") -> int:
        """Rows; a database or a table that is not there yet has none."""
        if self.engine == SQLITE and not self.path.exists():
            return 0
        try:
            [[count]] = self.rows(f"SELECT count(*) FROM {table} WHERE {where}")
        except psycopg.errors.UndefinedTable:
            return 0
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return 0
        return count

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self._open() as db:
            return db.execute(statement).fetchall()

    def change(self, statement: str) -> None:
        """Change rows, as nobody's process does."""
        with self._open() as db:
            db.execute(statement)
            db.commit()

    def tables(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Each table's name and all its rows."""
        with self._open() as db:
            for (name,) in db.execute(TABLES[self.engine]).fetchall():
                found = db.execute(f"SELECT * FROM {name}")
                names = [column[0] for column in found.description]
                yield name, [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def raw(self) -> bytes:
        """All that it holds: of SQLite the files' bytes, of PostgreSQL every row that a query can see."""
        if self.engine == SQLITE:
            files = [self.path, *(Path(f"{self.path}{end}") for end in ("-wal", "-shm"))]
            return b"".join(file.read_bytes() for file in files if file.exists())
        return repr(list(self.tables())).encode()

    def drop(self) -> None:
        """It is lost."""
        if self.engine == POSTGRES:
            postgres.empty_database(self.url)
        else:
            for file in self.path.parent.glob(f"{self.path.name}*"):
                file.unlink()

    async def closed(self, seconds: float) -> None:
        """Wait until no question is open."""
        async with asyncio.timeout(seconds):
            while self.open:
                await asyncio.sleep(0.05)

    @property
    def open(self) -> int:
        return self.count("questions", "outcome IS NULL")

    @contextmanager
    def _open(self) -> Iterator[Any]:
        if self.engine == POSTGRES:
            with psycopg.connect(self.url, autocommit=True, application_name="test") as db:
                yield db
        else:
            with closing(sqlite3.connect(self.path, timeout=30)) as db:
                yield db


class Databases:
    """The databases of one engine, each of a folder, which are gone at the end."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._made: dict[Path, Database] = {}

    def of(self, folder: Path) -> Database:
        """The folder's database, which is not there before somebody opens it."""
        if folder not in self._made:
            url = postgres.create_database() if self._engine == POSTGRES else f"sqlite:///{folder}/confab.db"
            self._made[folder] = Database(url)
        return self._made[folder]

    def __str__(self) -> str:
        return self._engine

    def __enter__(self) -> "Databases":
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._made.values():
            if one.engine == POSTGRES:
                postgres.drop_database(one.url)
