"""At-least-once delivery: an event that a platform may not send again is ingested until it is safe on disk."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.errors import StoreUnavailable
from core.domain.events import Commanded, Event, Ingest, Pressed, Receipt

T = TypeVar("T")

log = logging.getLogger(__name__)


async def persist(ingest: Ingest, event: Event, sleep: Sleep = asyncio.sleep) -> Receipt:
    """Ingest an event, again and again until it is safe on disk."""
    return await _persist(partial(ingest, event), sleep)


async def _persist(store: Callable[[], Awaitable[T]], sleep: Sleep) -> T:
    return await backoff.retry(store, StoreUnavailable, sleep, report=_report_waiting)


def _report_refused(error: BaseException) -> None:
    log.error("an event could not be written down, and is not acknowledged: %s", error)


def _report_waiting(error: BaseException, _seconds: float) -> None:
    log.error("an event waits for the database: %s", error)


class Redelivery:
    """Ingests what a platform sends again only so often: what could not be written down is retried until it is."""

    def __init__(self, ingest: Ingest, sleep: Sleep = asyncio.sleep) -> None:
        self._ingest = ingest
        self._sleep = sleep
        self._waiting: dict[str, asyncio.Task[Any]] = {}

    async def store_events(self, events: Sequence[Event]) -> Sequence[Receipt] | None:
        """Ingest events; None where not all are safe on disk, so that they may not be acknowledged."""
        try:
            return [await self._ingest(event) for event in events]
        except StoreUnavailable as error:
            _report_refused(error)
            for event in events:
                self._keep_trying(event, partial(self._ingest, event))
            return None

    async def store_by(
        self, event: Event, store: Callable[[], Awaitable[Sequence[Receipt]]]
    ) -> Sequence[Receipt] | None:
        """The same for an event that takes more than one look to be stored."""
        try:
            return await store()
        except StoreUnavailable as error:
            _report_refused(error)
            self._keep_trying(event, store)
            return None

    async def stop(self) -> None:
        """Try no more. What was not acknowledged may be sent again."""
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep_trying(self, event: Event, store: Callable[[], Awaitable[object]]) -> None:
        """Go on trying, in one task an event. What somebody did was said to have failed, and must not happen later."""
        if event.id not in self._waiting and not isinstance(event, Commanded | Pressed):
            task = asyncio.create_task(_persist(store, self._sleep), name=f"telling {event.id}")
            self._waiting[event.id] = task
            task.add_done_callback(lambda _: self._waiting.pop(event.id))
