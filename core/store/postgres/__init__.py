"""PostgreSQL as the engine of the store: one database on a server, several machines."""

import asyncio
from datetime import timedelta

from core.domain.clock import Clock
from core.store.audit_log import AuditKeys
from core.store.postgres.engine import PostgresEngine
from core.store.postgres.inspection import inspect_database
from core.store.postgres.snapshot import open_snapshot
from core.store.postgres.target import open_target
from core.store.records.reports.condition import Condition


async def open_engine(
    url: str, clock: Clock | None, busy: timedelta, keys: AuditKeys | None, wall: Clock
) -> PostgresEngine:
    """Open and migrate the database of `url`. What time its server has counts, not `wall`. Raises StoreUnusable."""
    engine = PostgresEngine(url, busy, clock, keys=keys)
    await engine.open()
    return engine


async def inspect(url: str, busy: timedelta) -> Condition:
    return await asyncio.to_thread(inspect_database, url, busy)


def list_files(url: str) -> list[str]:
    """None: its files are the server's."""
    return []


def find_folder(url: str) -> str | None:
    """The one that Confab was started in."""
    return ""


__all__ = ["find_folder", "inspect", "list_files", "open_engine", "open_snapshot", "open_target"]
