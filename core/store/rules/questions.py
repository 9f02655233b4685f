"""Questions: what was asked, and who answers it."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sqlite_utils import Database

from core.domain.messages import Event, Heard, ThreadKey, clean
from core.store.protocols import Beat, Claim, Outcome, Said
from core.store.rules.claims import beat, close, post, say, take
from core.store.rules.ingest import hear, stop
from core.store.rules.moments import moment
from core.store.sqlite.connection import Connection

WAITING = "SELECT count(*), min(at) FROM questions WHERE outcome IS NULL"


class SqliteQuestions:
    """Keeps the protocol `Questions`."""

    def __init__(self, connection: Connection, clock: Callable[[], datetime], stale: timedelta) -> None:
        self._connection = connection
        self._clock = clock
        self._stale = stale

    async def hear(self, event: Event) -> Heard:
        return await self._connection.unit(lambda db: hear(db, event, self._clock()))

    async def claim(self, process: str, platforms: Collection[str]) -> Claim | None:
        return await self._connection.unit(lambda db: take(db, process, platforms, self._clock(), self._stale))

    async def posted(self, claim: Claim, page: str, at: datetime) -> None:
        await self._connection.unit(lambda db: post(db, claim, page, at))

    async def said(self, claim: Claim, said: Said) -> None:
        final = replace(said, text=clean(said.text))
        await self._connection.unit(lambda db: say(db, claim, final))

    async def close(self, claim: Claim, outcome: Outcome) -> None:
        await self._connection.unit(lambda db: close(db, claim, outcome, self._clock()))

    async def withdraw(self, key: ThreadKey, message: str | None = None) -> int:
        return await self._connection.unit(lambda db: stop(db, key, message, self._clock()))

    async def beat(self, process: str, leaving: bool = False) -> Beat:
        """What was erased since the last beat leaves the file with this one."""
        learnt = await self._connection.unit(lambda db: beat(db, process, leaving, self._clock(), self._stale))
        await self._connection.sweep()
        return learnt

    async def waiting(self) -> tuple[int, datetime | None]:
        return await self._connection.unit(waiting)


def waiting(db: Database) -> tuple[int, datetime | None]:
    """How many questions are open, and when the oldest was asked."""
    count, oldest = db.execute(WAITING).fetchone()
    return count, moment(oldest) if oldest else None
