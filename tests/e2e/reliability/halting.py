"""Halts: a process stops itself between two statements of a unit of work, as SIGSTOP or a frozen machine does it."""

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from core.domain.clock import Clock
from core.store import postgres, sqlite
from core.store.protocols import Store
from core.store.repositories import build_store
from core.store.sql_port import Engine, Sql

HALT = "HALT"
"""The variable that names a file; while it says words, the process stops after the next statement that has them."""
UNENDED = "unended "
"""Begins such words where it stops before that: it has sent the statement, and not yet that it waits for its rows."""
ASKS = {"one", "many", "many_each", "execute", "count_changes", "insert", "insert_numbered", "insert_new", "update"}

T = TypeVar("T")


class HaltingSql:
    """A transaction that stands still after a statement with the words that `file` says."""

    def __init__(self, within: Sql, file: Path) -> None:
        self._within, self._file = within, file

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._within, name)
        if name not in ASKS:
            return call

        def ask(*given: Any, **named: Any) -> Any:
            words, asked = self._file.read_text() if self._file.exists() else "", " ".join(map(str, given))
            if words.startswith(UNENDED) and words.removeprefix(UNENDED) in asked:
                self._stop_before_end()
            answer = call(*given, **named)
            words = self._file.read_text() if self._file.exists() else ""
            if words and words in asked:
                self._stop()
            return answer

        return ask

    def _stop_before_end(self) -> None:
        """In the statement that comes now, on PostgreSQL."""
        end = self._within.sync  # type: ignore[attr-defined]  # of that engine alone

        def stop() -> None:
            self._within.sync = end  # type: ignore[attr-defined]
            self._stop()
            end()

        self._within.sync = stop  # type: ignore[attr-defined]

    def _stop(self) -> None:
        """Here and now: a signal to the process would reach another thread first, and this one go on for a moment."""
        self._file.unlink()
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


class HaltingEngine:
    """An engine whose units of work stand still where `file` says."""

    def __init__(self, within: Engine, file: Path) -> None:
        self._within, self._file = within, file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._within, name)

    async def unit(self, work: Callable[[Sql], T], *, patient: bool = False) -> T:
        def halt(sql: Sql) -> T:
            return work(HaltingSql(sql, self._file))  # type: ignore[arg-type]  # by name

        return await self._within.unit(halt, patient=patient)


async def open_halting_store(url: str, stale: timedelta, wall: Clock, file: Path) -> Store:
    """As `open_store` does it; one waits for another half as long as one may be silent."""
    backend = postgres if url.startswith("postgres") else sqlite
    engine = await backend.open_engine(url, None, stale / 2, None, wall)
    return build_store(HaltingEngine(engine, file), stale)  # type: ignore[arg-type]  # its other members by name
