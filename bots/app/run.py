"""Running: the store, Claude and the platforms are put together here, and taken apart in order."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from bots.app import registry
from bots.app.health import Health
from bots.app.supervisor import Supervisor
from bots.ops.http_server import HttpServer
from core.answering.assistant import Assistant
from core.answering.budget_alerts import Warned
from core.answering.completions import Completions
from core.answering.policy import Rules
from core.billing import prices
from core.claude.client import Claude
from core.claude.metering import Metering
from core.domain.events import Ingest
from core.domain.personas import Persona
from core.domain.platform import Platform
from core.settings import Settings
from core.store import open_store
from core.store.protocols import Store
from core.telemetry import Emit, discard_event
from core.worker.worker import GRACE

CHAT_STALE = timedelta(seconds=3)  # who killed a chat and starts another does not want to wait
SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


def clock() -> datetime:
    return datetime.now(UTC)


def claude(settings: Settings) -> Claude:
    """Claude where a key is set, the stand-in otherwise."""
    if settings.anthropic_api_key is not None:
        return Claude(settings.anthropic_api_key.get_secret_value(), settings.anthropic_base_url)
    from core.claude.offline import OfflineTransport  # noqa: PLC0415  most never need it

    return Claude("stand-in", settings.anthropic_base_url, OfflineTransport())


def rules(settings: Settings) -> Rules:
    """What the settings decide for all places."""
    return Rules(
        defaults=Persona(system=settings.confab_persona or None, model=settings.confab_model),
        fallbacks=settings.confab_fallback_models,
        ttl=settings.confab_cache_ttl,
        zone=settings.confab_time_zone,
        guests=settings.confab_guests,
        bots=settings.confab_bots,
        catch_up=settings.confab_catch_up,
    )


@asynccontextmanager
async def assembled(
    settings: Settings, platforms: Sequence[Platform], store: Store, emit: Emit = discard_event
) -> AsyncIterator[Assistant]:
    """An assistant over `store` that answers while this lasts. What is not answered at its end is left to the next."""
    client = claude(settings)
    named = {platform.name: platform for platform in platforms}
    metering = Metering(client, store.ledger, prices.read(settings.confab_prices), clock, emit=emit, warn=Warned(named))
    assistant = Assistant(
        store,
        completions=Completions(client, metering, store.notes, clock),
        platforms=named,
        rules=rules(settings),
        clock=clock,
        process=f"{socket.gethostname()}:{os.getpid()}:{clock():%H%M%S}",
        emit=emit,
    )
    try:
        async with answering(assistant):
            yield assistant
    finally:
        await client.close()


@asynccontextmanager
async def answering(assistant: Assistant) -> AsyncIterator[None]:
    """The floor is open while this lasts."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(assistant.worker.run())
        try:
            yield
        finally:
            await assistant.worker.drain(0)
            running.cancel()


async def chat(settings: Settings, platform: Platform) -> None:
    """Talk on one platform until its words end; open questions are answered before this returns."""
    store = await open_store(settings.database_url, stale=CHAT_STALE)
    try:
        async with assembled(settings, [platform], store) as assistant:
            await platform.run(assistant.ingest)
            await assistant.worker.idle()
    finally:
        await store.shut()


async def serve(settings: Settings, only: str | None = None) -> None:
    """Answer on every platform whose tokens are set, or on `only` one, until a signal.

    Raises SettingsError, StoreUnusable.
    """
    names = registry.wanted(settings, only)
    stop = stopping()
    if settings.anthropic_api_key is None:
        log.warning("ANTHROPIC_API_KEY: not set, so a stand-in answers in Claude's place, and says so")
    server = HttpServer()
    store = await open_store(settings.database_url)
    try:
        health = Health(store.questions)
        found = registry.opened(names, settings, store.notes, server.mounted, health)
        async with listening(settings, server):
            await answer(settings, found, store, health=health, server=server, stop=stop)
    finally:
        await store.shut()


async def answer(
    settings: Settings,
    platforms: Sequence[Platform],
    store: Store,
    *,
    health: Health,
    server: HttpServer,
    stop: asyncio.Event,
    grace: float = GRACE,
) -> None:
    """Answer until `stop`; then take up nothing new, give answers under way `grace` seconds, and leave.

    Until the end the platforms are heard, so that what is said meanwhile waits for the next start.
    """
    connections = [Supervisor(platform) for platform in platforms]
    with server.mounted(health.routes(connections)):
        async with (
            assembled(settings, platforms, store, health) as assistant,
            connected(connections, assistant.ingest),
        ):
            log.info("started: %s", ", ".join(platform.name for platform in platforms))
            await stop.wait()
            log.info("stopping; answers under way get %g seconds", grace)
            await assistant.worker.drain(grace)
    log.info("stopped")


@asynccontextmanager
async def listening(settings: Settings, server: HttpServer) -> AsyncIterator[None]:
    """HTTP while this lasts, where a port is set. Raises SettingsError."""
    if settings.confab_http_port is None:
        yield
        return
    async with server.served(settings.confab_http_host, settings.confab_http_port) as port:
        log.info("listening on http://%s:%d", settings.confab_http_host, port)
        yield


@asynccontextmanager
async def connected(connections: Sequence[Supervisor], ingest: Ingest) -> AsyncIterator[None]:
    """Each platform, heard while this lasts, and let go at its end."""
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one.run(ingest), name=one.platform.name) for one in connections]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
    finally:
        for one in connections:
            await one.platform.close()


def stopping() -> asyncio.Event:
    """Set by SIGTERM and SIGINT. The one after that is the system's to carry out: it ends us at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def begin() -> None:
        stop.set()
        for one in SIGNALS:
            loop.remove_signal_handler(one)
            signal.signal(one, signal.SIG_DFL)

    for one in SIGNALS:
        loop.add_signal_handler(one, begin)
    return stop
