"""`confab run` as a process that can be killed: `python -m tests.crashing`. Its successor waits three seconds, not ten."""

import asyncio
from datetime import timedelta

from bots import platforms, run
from bots.health import Health
from bots.server import Server
from core import settings
from core.store.sqlite import open_store


async def main() -> None:
    chosen = settings.read()
    server = Server()
    store = await open_store(chosen.database_url, stale=timedelta(seconds=3))
    found = platforms.opened(platforms.wanted(chosen), chosen, store.notes, server.mounted)
    await run.answer(chosen, found, store, health=Health(store.questions), server=server, stop=run.stopping())
    await store.shut()


asyncio.run(main())
