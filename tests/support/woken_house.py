"""A house whose worker looks for questions when it is woken, and never by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from bots.app.run import connect_platforms
from bots.app.supervisor import Supervisor
from bots.delivery.backfill import SETTLE
from core.answering.assistant import Assistant
from core.domain.events import Event, Receipt
from core.domain.platform import Platform
from core.store.protocols import Questions, Store
from core.store.records.heartbeat import Heartbeat, News, Topic
from tests.fakes.claude.server import ClaudeFake
from tests.support.house import house
from tests.support.waiting import until


async def settle_never(seconds: float) -> None:
    """A pause that is short; but what was missed is not looked for, so that nothing is found a second time."""
    if seconds == SETTLE:
        await asyncio.Event().wait()
    await asyncio.sleep(seconds / 1000)


class Unprompted:
    """Questions of which no heartbeat says that one waits."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._questions, name)

    async def heartbeat(self, process: str, *, leaving: bool = False) -> Heartbeat:
        return replace(await self._questions.heartbeat(process, leaving=leaving), waiting=False)


@asynccontextmanager
async def woken_house(store: Store, claude: ClaudeFake, platform: Platform) -> AsyncIterator[Assistant]:
    """A house on a platform that begins to connect. Where news is heard, no worker polls; here there is none."""
    unprompted = replace(store, questions=cast("Questions", Unprompted(store.questions)))
    async with house(unprompted, claude, platform) as assistant:
        assistant.worker.hear(News(Topic.HEARING))
        async with connect_platforms([Supervisor(platform)], assistant):
            yield assistant
            await assistant.worker.drain(1)


@asynccontextmanager
async def keeping(store: Store, platform: Platform) -> AsyncIterator[list[Event]]:
    """A process that keeps what it hears, and is gone before it answers."""
    kept: list[Event] = []

    async def ingest(event: Event) -> Receipt:
        receipt = await store.questions.ingest(event)
        kept.append(event)
        return receipt

    connected = asyncio.create_task(platform.run(ingest))
    try:
        await until(lambda: not platform.offline)
        yield kept
    finally:
        connected.cancel()
        await asyncio.gather(connected, return_exceptions=True)
        await platform.close()
