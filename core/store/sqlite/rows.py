"""Rows written one at a time, as statements that SQLite has compiled before.

sqlite-utils looks up a table, its columns and its keys anew for every row: a third of what a question cost the store.
"""

from collections.abc import Mapping

from sqlite_utils import Database


def insert(db: Database, table: str, row: Mapping[str, object], ignore: bool = False) -> int:
    """Add a row whose names are a table's columns; its id. With `ignore`, one that is there already stays as it is."""
    either = "OR IGNORE " if ignore else ""
    values = ", ".join(f":{name}" for name in row)
    written = db.execute(f"INSERT {either}INTO {table} ({_named(row)}) VALUES ({values})", dict(row))  # noqa: S608  columns
    return int(written.lastrowid or 0)


def update(db: Database, table: str, number: int, changes: Mapping[str, object]) -> None:
    """Change the row with the id `number`."""
    sets = ", ".join(f'"{name}" = :{name}' for name in changes)
    db.execute(f"UPDATE {table} SET {sets} WHERE id = :_id", {**changes, "_id": number})  # noqa: S608  columns


def _named(row: Mapping[str, object]) -> str:
    return ", ".join(f'"{name}"' for name in row)
