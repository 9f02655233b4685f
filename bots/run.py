"""Running: the store, Claude and the platforms are put together here, and taken apart in order."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from core.asking import Asking
from core.assistant import Assistant
from core.chat import Platform
from core.claude import Claude
from core.floor import GRACE
from core.personas import Persona
from core.settings import Settings
from core.store.protocols import Store
from core.store.sqlite import open_store

CHAT_STALE = timedelta(seconds=3)  # who killed a chat and starts another does not want to wait


def clock() -> datetime:
    return datetime.now(UTC)


def claude(settings: Settings) -> Claude:
    """Claude where a key is set, the stand-in otherwise."""
    if settings.anthropic_api_key is not None:
        return Claude(settings.anthropic_api_key.get_secret_value(), settings.anthropic_base_url)
    from bots.standin import Standin  # noqa: PLC0415  most never need it

    return Claude("stand-in", settings.anthropic_base_url, Standin())


@asynccontextmanager
async def assembled(
    settings: Settings, platforms: Sequence[Platform], store: Store, grace: float = GRACE
) -> AsyncIterator[Assistant]:
    """An assistant over `store` that answers while this lasts, and drains at its end for `grace` seconds."""
    client = claude(settings)
    assistant = Assistant(
        store,
        asking=Asking(client, store.ledger, store.notes, clock),
        platforms={platform.name: platform for platform in platforms},
        defaults=Persona(system=settings.confab_persona or None, model=settings.confab_model),
        clock=clock,
        fallbacks=settings.confab_fallback_models,
        ttl=settings.confab_cache_ttl,
        process=f"{socket.gethostname()}:{os.getpid()}:{clock():%H%M%S}",
    )
    try:
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(assistant.floor.run())
            try:
                yield assistant
            finally:
                await assistant.floor.drain(grace)
                answering.cancel()
    finally:
        await client.close()


async def chat(settings: Settings, platform: Platform) -> None:
    """Talk on one platform until its words end; open questions are answered before this returns."""
    store = await open_store(settings.database_url, stale=CHAT_STALE)
    try:
        async with assembled(settings, [platform], store, grace=0) as assistant:
            await platform.run(assistant.hear)
            await assistant.floor.idle()
    finally:
        await store.shut()
