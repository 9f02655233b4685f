"""The store over SQLite: five protocols, one database, one thread."""

import asyncio
from datetime import timedelta

from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreUnusable
from core.store.protocols import Store
from core.store.rules.claims import STALE
from core.store.rules.key_value import SqliteNotes
from core.store.rules.ledger import SqliteLedger
from core.store.rules.personas import SqlitePersonas
from core.store.rules.questions import SqliteQuestions
from core.store.rules.threads import SqliteThreads
from core.store.sqlite.backup import Copied, copied
from core.store.sqlite.connection import BUSY, MEMORY, DatabaseThread
from core.store.sqlite.inspection import Condition, condition

SCHEME = "sqlite://"


async def open_store(
    url: str, *, clock: Clock = system_clock, stale: timedelta = STALE, busy: timedelta = BUSY
) -> Store:
    """Open and migrate the database of `url`; a new file is readable by its owner alone.

    `sqlite:///confab.db` is relative, `sqlite:////var/lib/confab.db` absolute, `sqlite://` in memory. A process
    that has not beaten for `stale` has stopped. A unit of work waits for another process at most `busy`.
    Raises StoreUnusable.
    """
    connection = DatabaseThread(_path(url), busy)
    await connection.open()
    return Store(
        questions=SqliteQuestions(connection, clock, stale),
        threads=SqliteThreads(connection, clock),
        ledger=SqliteLedger(connection),
        personas=SqlitePersonas(connection),
        notes=SqliteNotes(connection),
        shut=connection.shut,
    )


def backup(url: str, target: str, *, busy: timedelta = BUSY) -> Copied:
    """Copy the database of `url`, also while it is open, into a new file, and check it. Raises StoreUnusable."""
    return copied(_path(url), target, busy)


async def inspect(url: str, *, busy: timedelta = BUSY) -> Condition:
    """The condition of the database of `url`, which is neither made nor changed. Raises StoreUnusable."""
    return await asyncio.to_thread(condition, _path(url), busy)


def _path(url: str) -> str:
    if not url.startswith(SCHEME) or url.removeprefix(SCHEME)[:1] not in ("", "/"):
        raise StoreUnusable(f"The database {url} cannot be used: it is no SQLite address; write sqlite:///confab.db.")
    return url.removeprefix(SCHEME).removeprefix("/") or MEMORY


__all__ = ["Condition", "backup", "inspect", "open_store"]
