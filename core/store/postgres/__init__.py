"""PostgreSQL as the engine of the store: one database on a server, several machines."""

import asyncio
from datetime import timedelta

from core.domain.clock import Clock
from core.store.postgres.engine import PostgresEngine
from core.store.postgres.inspection import inspect_database
from core.store.postgres.snapshot import open_snapshot
from core.store.protocols import Condition


async def open_engine(url: str, clock: Clock | None, busy: timedelta) -> PostgresEngine:
    """Open and migrate the database of `url`. Raises StoreUnusable."""
    engine = PostgresEngine(url, busy, clock)
    await engine.open()
    return engine


async def inspect(url: str, busy: timedelta) -> Condition:
    return await asyncio.to_thread(inspect_database, url, busy)


def list_files(url: str) -> list[str]:
    """None: its files are the server's."""
    return []


__all__ = ["inspect", "list_files", "open_engine", "open_snapshot"]
