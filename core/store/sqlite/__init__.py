"""SQLite as the engine of the store: one database, one thread."""

import asyncio
import os
from contextlib import AbstractContextManager
from datetime import timedelta

from core.domain.clock import Clock
from core.domain.errors import StoreUnusable
from core.store.audit_log import AuditKeys
from core.store.protocols import Copied
from core.store.records.reports.condition import Condition
from core.store.sqlite import light_library  # noqa: F401  first: all others import what it loads
from core.store.sqlite.backup import copy_database, write_copy
from core.store.sqlite.connection import MEMORY, DatabaseThread
from core.store.sqlite.inspection import find_database_files, inspect_database
from core.store.sqlite.picture import PictureThread
from core.store.sqlite.source import SqliteSource
from core.store.sqlite.source import open_source as open_source_file

SCHEME = "sqlite://"


async def open_engine(
    url: str, clock: Clock | None, busy: timedelta, keys: AuditKeys | None, wall: Clock
) -> DatabaseThread:
    """Open and migrate the database of `url`. Raises StoreUnusable."""
    engine = DatabaseThread(_path(url), busy, clock, keys, wall)
    await engine.open()
    return engine


async def open_picture(url: str, busy: timedelta, keys: AuditKeys | None, wall: Clock) -> DatabaseThread:
    """Open the database of `url`, which was moved away, to read what it held then. Raises StoreUnusable."""
    engine = PictureThread(_path(url), busy, None, keys, wall)
    await engine.open()
    return engine


async def inspect(url: str, busy: timedelta) -> Condition:
    return await asyncio.to_thread(inspect_database, _path(url), busy)


def backup(url: str, target: str, busy: timedelta) -> Copied:
    return copy_database(_path(url), target, busy)


def open_source(url: str, stale: timedelta, busy: timedelta) -> AbstractContextManager[SqliteSource]:
    """The database of `url`, to move from; see `source.py`."""
    return open_source_file(_path(url), stale, busy)


def list_files(url: str) -> list[str]:
    return find_database_files(_path(url))


def find_folder(url: str) -> str | None:
    """The folder of its file; None in memory."""
    path = _path(url)
    return None if path == MEMORY else os.path.dirname(path)


def _path(url: str) -> str:
    if not url.startswith(SCHEME) or url.removeprefix(SCHEME)[:1] not in ("", "/"):
        raise StoreUnusable(f"The database {url} cannot be used: it is no SQLite address; write sqlite:///confab.db.")
    return url.removeprefix(SCHEME).removeprefix("/") or MEMORY


__all__ = ["backup", "find_folder", "inspect", "list_files", "open_engine", "open_picture", "open_source", "write_copy"]
