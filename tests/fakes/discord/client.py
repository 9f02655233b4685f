"""The unmodified discord.py, pointed at a loopback Discord, and clients that note what they hear."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.fakes.discord.server import DiscordFake
from tests.fakes.discord.world import Changes

INTENTS = discord.Intents(guilds=True, messages=True, message_content=True, reactions=True)
READY = 0.01  # seconds after the last GUILD_CREATE; the library's own default is 2


@contextmanager
def pointed(fake: DiscordFake) -> Iterator[None]:
    """Every client made here speaks to `fake`; afterwards the library is as it was."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = fake.api_url, yarl.URL(fake.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


class Noted(discord.Client):
    """A client that notes every event with its first argument, and doesn't wait 5 seconds before it identifies."""

    def __init__(self, intents: discord.Intents = INTENTS, **options: Any) -> None:
        self.events: list[tuple[str, Any]] = []
        self.changes = Changes()
        chosen: dict[str, Any] = {"allowed_mentions": discord.AllowedMentions.none(), "guild_ready_timeout": READY}
        super().__init__(intents=intents, **chosen | options)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        pass

    def dispatch(self, event: str, /, *args: Any, **named: Any) -> None:
        self.events.append((event, args[0] if args else None))
        self.changes.tell()
        super().dispatch(event, *args, **named)

    def seen(self, event: str) -> list[Any]:
        """What came with each `event` so far."""
        return [first for name, first in self.events if name == event]

    async def happened(self, event: str, times: int = 1) -> Any:
        """Wait for the `times`th `event`; what came with it."""
        await self.changes.until(lambda: len(self.seen(event)) >= times, 30)
        return self.seen(event)[times - 1]


class Sharded(Noted, discord.AutoShardedClient):
    """The same, with a gateway session for each shard."""


@asynccontextmanager
async def online(client: Noted, token: str) -> AsyncIterator[None]:
    """`client`, ready; afterwards closed. Raises what ends it before it is ready."""
    running = asyncio.create_task(client.start(token))
    ready = asyncio.create_task(client.happened("ready"))
    try:
        await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            yield
    finally:
        ready.cancel()
        await client.close()
        await running
