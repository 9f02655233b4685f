"""Notes: a key-value table for small things."""

from core.domain.messages import clean_text
from core.store.sql_port import Engine, Sql

GET = "SELECT value FROM notes WHERE name = :name"

PUT = """
INSERT INTO notes (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""

SERVERS = "SELECT name, value FROM notes WHERE name LIKE 'mcp:%' OR name LIKE 'mcp-told:%'"


def get_note(sql: Sql, name: str) -> str | None:
    row = sql.one(GET, {"name": name})
    return row["value"] if row else None


def put_note(sql: Sql, name: str, value: str) -> None:
    sql.execute(PUT, {"name": name, "value": value})


def list_server_notes(sql: Sql) -> dict[str, str]:
    """The notes about MCP servers, by name: the marks of their tools, and what these said of themselves."""
    return {row["name"]: row["value"] for row in sql.many(SERVERS, {})}


class NoteRepository:
    """Keeps the protocol `Notes`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, name: str) -> str | None:
        return await self._engine.unit(lambda sql: get_note(sql, name))

    async def put(self, name: str, value: str) -> None:
        await self._engine.unit(lambda sql: put_note(sql, name, clean_text(value)))
