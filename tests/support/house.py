"""The whole house over a database, Claude's loopback server and any platform, put together for a test."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from core.answering.assistant import Assistant
from core.answering.budget_alerts import Warned
from core.answering.completions import Asking, Sleep
from core.answering.policy import Rules
from core.billing import prices
from core.billing.reports import total
from core.billing.usage import Scope
from core.claude.client import SILENCE, Claude
from core.claude.metering import Purse
from core.domain.personas import Persona
from core.domain.platform import Platform
from core.store.protocols import Store
from core.telemetry import Closed, Sign, Watch, unwatched
from core.worker.fair_semaphore import Places
from tests.fakes.claude.server import ClaudeFake


def now() -> datetime:
    return datetime.now(UTC)


class Haste:
    """Seconds that pass `times` as fast as they do."""

    def __init__(self, times: float = 1000.0) -> None:
        self._times = times

    def seconds(self) -> float:
        return time.monotonic() * self._times

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._times)


async def at_once(_seconds: float) -> None:
    """A pause that nobody waits for."""
    await asyncio.sleep(0)


@asynccontextmanager
async def house(
    store: Store,
    fake: ClaudeFake,
    *platforms: Platform,
    persona: Persona = Persona(model="claude-haiku-5-5"),  # noqa: B008  frozen
    clock: Callable[[], datetime] = now,
    process: str = "p1",
    sleep: Sleep = asyncio.sleep,
    watch: Watch = unwatched,
    haste: Haste = Haste(),  # noqa: B008  keeps nothing
    silence: float = SILENCE,
    places: Places | None = None,
    **rules: object,
) -> AsyncIterator[Assistant]:
    """An assistant that answers while this lasts. Claude is waited for in haste.

    At the end the ledger must hold, to the micro-dollar, what was billed; of requests that died, at least that.
    """
    began, billed, workspaces = clock(), len(fake.billed), set[str]()

    def watching(sign: Sign) -> None:
        if isinstance(sign, Closed):
            workspaces.add(sign.question.key.workspace)
        watch(sign)

    claude = Claude(fake.key, fake.url, silence=silence)
    named = {platform.name: platform for platform in platforms}
    purse = Purse(claude, store.ledger, prices.read(), clock, watch=watching, warn=Warned(named))
    asking = Asking(claude, purse, store.notes, clock, sleep=haste.sleep, seconds=haste.seconds)
    assistant = Assistant(
        store,
        asking=asking,
        platforms=named,
        rules=Rules(persona, **rules),  # type: ignore[arg-type]  # their own
        clock=clock,
        process=process,
        places=places,
        sleep=sleep,
        watch=watching,
    )
    answering = asyncio.create_task(assistant.floor.run())
    try:
        yield assistant
    finally:
        await assistant.floor.drain(1)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        await claude.close()
    await fake.settled()
    await _accounted(store, began, workspaces, sum(one.micro_usd for one in fake.billed[billed:]))


async def _accounted(store: Store, since: datetime, workspaces: set[str], billed: int) -> None:
    lines = [line for name in workspaces for line in await store.ledger.spent(Scope(name), since, "model")]
    whole = total(lines)
    if workspaces:  # where no answer ended there is nothing to compare yet
        assert whole.micro_usd >= billed if whole.died else whole.micro_usd == billed
