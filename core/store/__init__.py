"""The store: repositories over a database. `open_store(url)` is the only door; the address says which engine it is."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreUnusable
from core.store.audit_log import AuditKeys
from core.store.protocols import Copied, Store
from core.store.records.reports.condition import Condition, Server
from core.store.repositories import build_store
from core.store.rules.claims import STALE
from core.store.sql_port import Engine

if TYPE_CHECKING:
    from core.store.transfer.move import Moved, Report

BUSY = timedelta(seconds=5)  # how long a unit of work waits for another process to finish its own

ENGINES = ("sqlite", "postgresql", "postgres")
ADDRESSES = "its address is of no engine; write sqlite:///confab.db, or postgresql://user:password@host/confab"
NAMED = re.compile(r"[\w./~+-]*")  # what may be told of an address that cannot be read: it may hold a password
DIRECTION = (
    "Databases are moved from SQLite to PostgreSQL, as in: confab migrate-database confab.db "
    "postgresql://user:password@host/confab. The other way is `confab backup`, whose file Confab can be started on."
)
PICTURE = "{}: {}. What is shown is what it held then."
EXTRA = "PostgreSQL's driver is not installed; run `.venv/bin/pip install '.[postgres]'` in Confab's checkout"


class Backend(Protocol):
    """What the package of an engine offers."""

    async def open_engine(
        self, url: str, clock: Clock | None, busy: timedelta, keys: AuditKeys | None, wall: Clock
    ) -> Engine: ...

    async def inspect(self, url: str, busy: timedelta) -> Condition: ...

    def list_files(self, url: str) -> list[str]: ...

    def find_folder(self, url: str) -> str | None: ...


async def open_store(
    url: str,
    *,
    clock: Clock | None = None,
    stale: timedelta = STALE,
    busy: timedelta = BUSY,
    keys: AuditKeys | None = None,
    wall: Clock = system_clock,
) -> Store:
    """Open and migrate the database of `url`; a new file is readable by its owner alone.

    `sqlite:///confab.db` is relative, `sqlite:////var/lib/confab.db` absolute, `sqlite://` in memory;
    `postgresql://user:password@host/confab` is a database on a server. All times are those of
    `clock`, or without one of the engine's own. For PostgreSQL that is the server's. For SQLite the time of day is that
    of `wall`, and leases count the seconds since the machine has started. A process without a heartbeat for `stale` has
    stopped. A unit of work waits for another process at most `busy`. `keys` seal the audit log; without them what is
    written now can be verified by nobody later. Raises StoreUnusable.
    """
    return build_store(await _choose_backend(url).open_engine(url, clock, busy, keys, wall), stale)


@asynccontextmanager
async def open_existing(url: str, say: Callable[[str], None], keys: AuditKeys | None = None) -> AsyncIterator[Store]:
    """The store of `url`, to look at. Looking makes no database: where there is none yet, it is an empty one.

    One that was moved away is shown as it stood then, which `say` is told in a line.
    """
    condition = await inspect(url)
    if condition.moved and condition.version:
        store = await _open_picture(url, keys)
        say(PICTURE.format(condition.path, condition.moved.partition("; ")[0]))
    else:
        store = await open_store(url if condition.version or condition.moved else "sqlite://", keys=keys)
    try:
        yield store
    finally:
        await store.shut()


async def _open_picture(url: str, keys: AuditKeys | None) -> Store:
    from core.store import sqlite

    return build_store(await sqlite.open_picture(url, BUSY, keys, system_clock), STALE)


async def inspect(url: str, *, busy: timedelta = BUSY) -> Condition:
    """The condition of the database of `url`, which is neither made nor changed. Raises StoreUnusable."""
    return await _choose_backend(url).inspect(url, busy)


def backup(url: str, target: str, *, busy: timedelta = BUSY) -> Copied:
    """Copy the database of `url`, also while it is in use, into a new file of SQLite, and check it.

    Confab can be started on that file, whatever engine it was copied from. Raises StoreUnusable.
    """
    from core.store import sqlite

    if _read_scheme(url) == "sqlite":
        return sqlite.backup(url, target, busy)
    with _need_driver():
        from core.store import postgres
    with postgres.open_snapshot(url) as read:
        return sqlite.write_copy(hide_login(url), read, target, busy)


def migrate_database(
    source: str, target: str, report: "Report", *, stale: timedelta = STALE, busy: timedelta = BUSY
) -> "Moved":
    """Carry all rows of SQLite's database `source`, an address or a file's path, to the empty database `target` of
    PostgreSQL, and compare them there. Until that was done, nothing starts on `target`; begun again it goes on.

    `report` is told each thousand rows. Raises StoreUnusable.
    """
    from core.store import sqlite

    address = source if "://" in source else f"sqlite:///{source}"
    if not address.startswith("sqlite:") or target.partition(":")[0] not in {"postgresql", "postgres"}:
        raise StoreUnusable(DIRECTION)
    with _need_driver():
        from core.store import postgres
    from core.store.transfer.move import Move

    with sqlite.open_source(address, stale, busy) as found, postgres.open_target(target, stale) as empty:
        return Move(found, empty, report).run()


def hide_login(url: str) -> str:
    """The address of a database without the name and the password that open it."""
    return re.sub(r"(?<=//)[^/@]*@|(?<=[?&])password=[^&]*", "", url)


def list_files(url: str) -> list[str]:
    """The files of the database of `url`, and copies of it beside it, as far as there are any. Raises StoreUnusable."""
    return _choose_backend(url).list_files(url)


def find_folder(url: str) -> str | None:
    """Where files belong that go with the database of `url`; None if it is in memory. Raises StoreUnusable."""
    return _choose_backend(url).find_folder(url)


def _choose_backend(url: str) -> Backend:
    """The engine of the address; only that one is imported."""
    if _read_scheme(url) == "sqlite":
        from core.store import sqlite

        return sqlite
    with _need_driver():
        from core.store import postgres
    return postgres


def _read_scheme(url: str) -> str:
    scheme = url.partition(":")[0]
    if scheme not in ENGINES:
        named = f" {scheme}" if scheme and NAMED.fullmatch(scheme) else ""
        raise StoreUnusable(f"The database{named} cannot be used: {ADDRESSES}.")
    return scheme


@contextmanager
def _need_driver() -> Iterator[None]:
    """Say what to install where PostgreSQL's driver is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise StoreUnusable(f"The database postgresql://... cannot be used: {EXTRA}.") from error


__all__ = [
    "Condition",
    "Copied",
    "Server",
    "Store",
    "backup",
    "find_folder",
    "hide_login",
    "inspect",
    "list_files",
    "migrate_database",
    "open_existing",
    "open_store",
]
