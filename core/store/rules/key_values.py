"""Notes: a key-value table for small things."""

from core.store.sql_port import Sql

GET = "SELECT value FROM notes WHERE name = :name"

PUT = """
INSERT INTO notes (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


def get_note(sql: Sql, name: str) -> str | None:
    row = sql.one(GET, {"name": name})
    return row["value"] if row else None


def put_note(sql: Sql, name: str, value: str) -> None:
    sql.execute(PUT, {"name": name, "value": value})
