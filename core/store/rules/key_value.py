"""Notes: small things to remember under a name."""

from sqlite_utils import Database

from core.domain.messages import clean_text
from core.store.sqlite.connection import DatabaseThread, one

GET = "SELECT value FROM notes WHERE name = :name"


class SqliteNotes:
    """Keeps the protocol `Notes`."""

    def __init__(self, connection: DatabaseThread) -> None:
        self._connection = connection

    async def get(self, name: str) -> str | None:
        row = await self._connection.unit(lambda db: one(db, GET, {"name": name}))
        return row["value"] if row else None

    async def put(self, name: str, value: str) -> None:
        await self._connection.unit(lambda db: _put(db, name, clean_text(value)))


def _put(db: Database, name: str, value: str) -> None:
    db.table("notes").upsert({"name": name, "value": value})
