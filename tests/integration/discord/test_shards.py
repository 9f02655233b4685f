"""Shards shared among processes on one database, over the loopback Discord and the unmodified discord.py.

Tests bots.discord.shards, bots.discord.servers.known and bots.discord.servers.places.
"""

from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from bots.discord.shards.sharing import ShardSharing
from tests.fakes.discord.client import pointed
from tests.fakes.discord.server import DiscordFake
from tests.support.discord_house import confab, idle
from tests.support.waiting import until

LEASE = timedelta(seconds=0.6)


def sharing(store, count=None, **options):
    return ShardSharing(store.shards, count, **{"lease": LEASE, "spacing": 0.0, "lead": 0.0, **options})


def settle(guild, count):
    """A server of each shard, with a room in it: the names of the rooms, by shard."""
    for shard in range(count):
        key = str((count + shard) << 22)
        guild.guild(key, f"Server {shard}")
        guild.room(f"room-{shard}", key)
    return [f"room-{shard}" for shard in range(count)]


def held(running):
    return set(running.discord._client.shards) if running.discord._client else set()


@asynccontextmanager
async def discord_of(shards, **options):
    """A Discord that wants so many shards, to which clients speak whichever of them leaves first."""
    async with DiscordFake(shards=shards, **options) as guild:
        with pointed(guild):
            yield guild


async def ask(guild, rooms, word):
    for room in rooms:
        await guild.say("ada", room, f"<@{guild.me}> {word}")


def replies(guild, room):
    """How many answers stand in a room."""
    return sum(post.author == "confab" for post in guild.visible(room))


async def all_answered(guild, rooms, each):
    await guild.until(lambda: all(replies(guild, room) >= each for room in rooms))


async def test_one_process_holds_all_shards_and_answers_in_each(claude, store):
    async with discord_of(4) as guild:
        rooms = settle(guild, 4)
        async with confab(guild, claude, store, sharing=sharing(store)) as running:
            await guild.until(lambda: len(guild.gateway.live) == 4)
            await ask(guild, rooms, "hello")
            await all_answered(guild, rooms, 1)
            await idle(running)

            assert {session.shard for session in guild.gateway.live} == {(shard, 4) for shard in range(4)}
            assert [replies(guild, room) for room in rooms] == [1] * 4
            assert running.discord.offline == ""
    assert guild.refusals == []


async def test_who_leaves_is_followed_at_once_in_the_same_sessions_and_each_question_is_answered_once(claude, store):
    async with discord_of(4) as guild, AsyncExitStack() as stack:
        rooms = settle(guild, 4)
        first = await stack.enter_async_context(confab(guild, claude, store, sharing=sharing(store)))
        await guild.until(lambda: len(guild.gateway.live) == 4)
        await until(lambda: not first.discord._backfill.unfinished)
        async with AsyncExitStack() as later:
            second = await later.enter_async_context(
                confab(guild, claude, store, process="p2", sharing=sharing(store), listens=False)
            )
            await until(lambda: second.discord._client)
            assert held(second) == set()
            await ask(guild, rooms, "before")
            await all_answered(guild, rooms, 1)
            await stack.aclose()
            await ask(guild, rooms, "between")
            await guild.until(lambda: len(guild.gateway.live) == 4)
            await ask(guild, rooms, "after")
            await all_answered(guild, rooms, 3)
            await idle(second)

            assert [replies(guild, room) for room in rooms] == [3] * 4
            assert (guild.gateway.identified, guild.gateway.resumed) == (4, 4)
            assert held(second) == {0, 1, 2, 3}
