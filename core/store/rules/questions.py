"""Questions: what was asked, and who answers it."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sqlite_utils import Database

from core.domain.clock import Clock
from core.domain.events import Event, Receipt
from core.domain.messages import FinalText, Outcome, ThreadKey, clean_text
from core.store.protocols import Claim, Heartbeat
from core.store.rules.claims import close, heartbeat, post, say, take
from core.store.rules.ingest import ingest, stop
from core.store.rules.moments import moment
from core.store.sqlite.connection import DatabaseThread

WAITING = "SELECT count(*), min(at) FROM questions WHERE outcome IS NULL"


class SqliteQuestions:
    """Keeps the protocol `Questions`."""

    def __init__(self, connection: DatabaseThread, clock: Clock, stale: timedelta) -> None:
        self._connection = connection
        self._clock = clock
        self._stale = stale

    async def ingest(self, event: Event) -> Receipt:
        return await self._connection.unit(lambda db: ingest(db, event, self._clock()))

    async def claim_next(self, process: str, platforms: Collection[str]) -> Claim | None:
        return await self._connection.unit(lambda db: take(db, process, platforms, self._clock(), self._stale))

    async def record_page(self, claim: Claim, page: str, at: datetime) -> None:
        await self._connection.unit(lambda db: post(db, claim, page, at))

    async def store_final_text(self, claim: Claim, said: FinalText) -> None:
        final = replace(said, text=clean_text(said.text))
        await self._connection.unit(lambda db: say(db, claim, final))

    async def close(self, claim: Claim, outcome: Outcome) -> None:
        await self._connection.unit(lambda db: close(db, claim, outcome, self._clock()))

    async def withdraw(self, key: ThreadKey, message: str | None = None) -> int:
        return await self._connection.unit(lambda db: stop(db, key, message, self._clock()))

    async def heartbeat(self, process: str, leaving: bool = False) -> Heartbeat:
        """What was erased since the last beat begins to leave the file with this one."""
        learnt = await self._connection.unit(lambda db: heartbeat(db, process, leaving, self._clock(), self._stale))
        self._connection.sweep_soon()
        return learnt

    async def count_open(self) -> tuple[int, datetime | None]:
        return await self._connection.unit(waiting)


def waiting(db: Database) -> tuple[int, datetime | None]:
    """How many questions are open, and when the oldest was asked."""
    count, oldest = db.execute(WAITING).fetchone()
    return count, moment(oldest) if oldest else None
