"""Processes that share the shards of a loopback Discord, put together for a test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Self

from bots.discord.shards.sharing import ShardSharing
from core.store.protocols import Store
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.client import pointed
from tests.fakes.discord.server import DiscordFake
from tests.support.discord_house import Running, confab, idle
from tests.support.waiting import until

LEASE = timedelta(seconds=2.4)  # longer than a busy machine stands still


@asynccontextmanager
async def discord_of(shards: int, **options: Any) -> AsyncIterator[DiscordFake]:
    """A Discord that wants so many shards, to which clients speak whichever of them leaves first.

    A server of each shard has a room that is called after it.
    """
    async with DiscordFake(shards=shards, **options) as guild:
        for shard in range(shards):
            key = find_server(shard, shards)
            guild.guild(key, f"Server {shard}")
            guild.room(f"room-{shard}", key)
        with pointed(guild):
            yield guild


def find_server(shard: int, shards: int) -> str:
    return str((shards + shard) << 22)


def sharing(store: Store, count: int | None = None, **options: Any) -> ShardSharing:
    return ShardSharing(store.shards, count, **{"lease": LEASE, "spacing": 0.0, "lead": 0.0, **options})


class Processes:
    """Processes that share a Discord's shards, each until it is told to leave."""

    def __init__(self, guild: DiscordFake, claude: ClaudeFake, store: Store) -> None:
        self.guild, self.claude, self.store = guild, claude, store
        self._running: dict[str, Running] = {}
        self._stacks: dict[str, AsyncExitStack] = {}

    async def start(self, name: str, **options: Any) -> Running:
        """A process that has joined."""
        self._stacks[name] = AsyncExitStack()
        shared = options.pop("sharing", None) or sharing(self.store)
        running = await self._stacks[name].enter_async_context(
            confab(self.guild, self.claude, self.store, process=name, sharing=shared, listens=False, **options)
        )
        self._running[name] = running
        await until(
            lambda: (running.discord._client and running.discord._client.is_ready()) or running.connected.done()
        )
        return running

    async def leave(self, name: str) -> None:
        del self._running[name]
        await self._stacks.pop(name).aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        """All leave, once every question is answered."""
        while self._running:
            if kind is None:
                await idle(next(iter(self._running.values())))
            await self.leave(next(iter(self._running)))


def held(running: Running) -> set[int]:
    return set(running.discord._client.shards)


async def heard(guild: DiscordFake, shards: int) -> None:
    """Wait until somebody listens to each shard."""
    await guild.until(lambda: {one.shard for one in guild.gateway.live} == {(one, shards) for one in range(shards)})


async def resumable(running: Running, shards: int) -> None:
    """Wait until all sessions could be gone on with."""
    shards = range(shards)
    await until(lambda: all(running.discord._client.read_sessions().get(one) for one in shards))


async def ask(guild: DiscordFake, word: str, shards: int) -> list[str]:
    return [await guild.say("ada", f"room-{one}", f"<@{guild.me}> {word}") for one in range(shards)]


def count_answers(guild: DiscordFake, shards: int) -> list[int]:
    """How many answers stand in each room."""
    rooms = [f"room-{one}" for one in range(shards)]
    return [sum(post.author == "confab" for post in guild.visible(room)) for room in rooms]


async def all_answered(guild: DiscordFake, shards: int, each: int) -> None:
    await guild.until(lambda: min(count_answers(guild, shards)) >= each)
