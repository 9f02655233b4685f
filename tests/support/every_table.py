"""A database of SQLite in which every table holds rows, made of nothing but the tables' own description."""

import sqlite3
from contextlib import closing
from graphlib import TopologicalSorter
from pathlib import Path

from core.store.sqlite.connection import create, list_statements

TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
OURS = "_sqlite_migrations"


def make(path: Path) -> None:
    """A new and empty database, as this version makes it."""
    create(str(path))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        for statement in list_statements():
            db.execute(statement)


def fill(path: Path, rows: int = 2) -> list[str]:
    """Add rows to each table of the database, and to those first that others refer to. The tables' names."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA foreign_keys = ON")
        names = [name for (name,) in db.execute(TABLES) if name != OURS]
        keys = {name: db.execute(f"PRAGMA foreign_key_list({name})").fetchall() for name in names}
        order = TopologicalSorter({name: {key[2] for key in keys[name]} for name in names})
        for name in order.static_order():
            for number in range(1, rows + 1):
                _add(db, name, {key[3]: f"{key[4]}" for key in keys[name]}, number)
    return names


def _add(db: sqlite3.Connection, table: str, referring: dict[str, str], number: int) -> None:
    """The row `number`. A column that refers to another one has its value, by its name or by its number."""
    columns = db.execute(f"PRAGMA table_info({table})").fetchall()
    values = {}
    for _, name, kind, _required, _default, key in columns:
        if kind == "INTEGER":
            values[name] = number if key or name in referring or name in {"number", "file", "version"} else number % 2
        elif kind == "REAL":
            values[name] = number / 3
        elif name == "at" or name.endswith("_at"):
            values[name] = f"2026-01-{number:02}T00:00:00.000000+00:00"
        elif name == "workspace":
            values[name] = f"slack:T{number}"
        else:
            values[name] = f"{referring.get(name, name)} {number}"
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))


def add_messages(path: Path, count: int) -> None:
    """A long past in a hundred threads of one channel, with what people write: some hundred characters a message."""
    threads = [("slack:T9", "C9", f"t{number}", "2026-01-01T00:00:00.000000+00:00") for number in range(100)]
    words = "naïve <@U2> 🦊 " + "what people say to one another, " * 5
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO workspaces (workspace) VALUES ('slack:T9')")
        db.executemany("INSERT INTO threads (workspace, channel, thread, begun_at) VALUES (?, ?, ?, ?)", threads)
        db.executemany(
            "INSERT INTO messages (workspace, channel, thread, message, author, text, at, mine) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (*threads[n % 100][:3], f"m{n:09}", f"U{n % 50}", f"{n} {words}", f"2026-01-02T00:00:{n:09}", n % 2)
                for n in range(count)
            ),
        )
