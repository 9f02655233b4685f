"""The store: repositories over a database. `open_store(url)` is the only door; the address says which engine it is."""

from datetime import timedelta
from typing import Protocol

from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreUnusable
from core.store.protocols import Condition, Copied, Store
from core.store.repositories import build_store
from core.store.rules.claims import STALE
from core.store.sql_port import Engine

BUSY = timedelta(seconds=5)  # how long a unit of work waits for another process to finish its own


class Backend(Protocol):
    """What the package of an engine offers."""

    async def open_engine(self, url: str, clock: Clock, busy: timedelta) -> Engine: ...

    async def inspect(self, url: str, busy: timedelta) -> Condition: ...

    def backup(self, url: str, target: str, busy: timedelta) -> Copied: ...

    def list_files(self, url: str) -> list[str]: ...


async def open_store(
    url: str, *, clock: Clock = system_clock, stale: timedelta = STALE, busy: timedelta = BUSY
) -> Store:
    """Open and migrate the database of `url`; a new file is readable by its owner alone.

    `sqlite:///confab.db` is relative, `sqlite:////var/lib/confab.db` absolute, `sqlite://` in memory. A process
    without a heartbeat for `stale` has stopped. A unit of work waits for another process at most `busy`.
    Raises StoreUnusable.
    """
    return build_store(await _choose_backend(url).open_engine(url, clock, busy), stale)


async def inspect(url: str, *, busy: timedelta = BUSY) -> Condition:
    """The condition of the database of `url`, which is neither made nor changed. Raises StoreUnusable."""
    return await _choose_backend(url).inspect(url, busy)


def backup(url: str, target: str, *, busy: timedelta = BUSY) -> Copied:
    """Copy the database of `url`, also while it is open, into a new file, and check it. Raises StoreUnusable."""
    return _choose_backend(url).backup(url, target, busy)


def list_files(url: str) -> list[str]:
    """The files of the database of `url`, and copies of it beside it, as far as there are any. Raises StoreUnusable."""
    return _choose_backend(url).list_files(url)


def _choose_backend(url: str) -> Backend:
    """The engine of the address; only that one is imported."""
    if url.partition(":")[0] == "sqlite":
        from core.store import sqlite

        return sqlite
    raise StoreUnusable(f"The database {url} cannot be used: it is no SQLite address; write sqlite:///confab.db.")


__all__ = ["Condition", "Copied", "Store", "backup", "inspect", "list_files", "open_store"]
