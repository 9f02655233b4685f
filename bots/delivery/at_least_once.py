"""Telling: what a platform may not say again is told until it is safe on disk."""

import asyncio
import logging
from collections.abc import Sequence

from core.domain.clock import Sleep
from core.domain.errors import StoreUnavailable
from core.domain.events import Commanded, Event, Ingest, Pressed, Receipt

SHORT, LONG = 0.5, 30.0  # seconds between two tries, the first and at most

log = logging.getLogger(__name__)


async def persist(ingest: Ingest, event: Event, sleep: Sleep = asyncio.sleep) -> Receipt:
    """Tell an event until it is safe on disk."""
    seconds = SHORT
    while True:
        try:
            return await ingest(event)
        except StoreUnavailable as error:
            log.error("an event waits for the database: %s", error)
        await sleep(seconds)
        seconds = min(seconds * 2, LONG)


class Redelivery:
    """Tells what a platform says again only so often: what could not be written down is told until it is."""

    def __init__(self, ingest: Ingest, sleep: Sleep = asyncio.sleep) -> None:
        self._hear = ingest
        self._sleep = sleep
        self._waiting: dict[str, asyncio.Task[Receipt]] = {}

    async def kept(self, events: Sequence[Event]) -> bool:
        """Tell events; whether all are safe on disk, so that the platform may be told so."""
        try:
            for event in events:
                await self._hear(event)
        except StoreUnavailable as error:
            log.error("an event could not be written down, and is not acknowledged: %s", error)
            for event in events:
                self._insist(event)
            return False
        return True

    async def stop(self) -> None:
        """Tell no more. Who was not told that we have it may say it again."""
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _insist(self, event: Event) -> None:
        """Go on telling it, once at a time. What somebody did was said to have failed, and must not happen later."""
        if event.id not in self._waiting and not isinstance(event, Commanded | Pressed):
            task = asyncio.create_task(persist(self._hear, event, self._sleep), name=f"telling {event.id}")
            self._waiting[event.id] = task
            task.add_done_callback(lambda _: self._waiting.pop(event.id))
