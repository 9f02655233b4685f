"""Random worlds of shards: whatever becomes of connections, sessions, servers and processes, each question has one answer.

Tests bots.discord.gateway, bots.discord.shards.client, bots.discord.servers.known and bots.discord.intake.
"""

import asyncio
import random
from collections import Counter

import pytest

from tests.support.discord_shards import (
    Processes,
    all_answered,
    ask,
    discord_of,
    find_server,
    heard,
    sharing,
)
from tests.support.waiting import until

SHARDS, PROCESSES, STEPS = 4, 3, 40
ACTS = ("ask", "ask", "ask", "hold", "release", "invalidate", "cut", "outage", "back", "leave", "start")


class ShardStorm:
    """One thing after the other that happens to a random shard; in the end all is well again."""

    def __init__(self, seed, guild, shared, store):
        self.random, self.guild, self.shared, self.store = random.Random(seed), guild, shared, store
        self.held, self.out, self.names, self.asked = set(), set(), [], []
        self._number = 0

    async def act(self):
        shard = self.random.randrange(SHARDS)
        await getattr(self, self.random.choice(ACTS))(shard)
        await asyncio.sleep(self.random.random() / 10)

    async def ask(self, shard):
        if shard not in self.out:
            self.asked.append(await self.guild.say("ada", f"room-{shard}", f"<@{self.guild.me}> hello"))

    async def hold(self, shard):
        if shard not in self.held:
            self.held.add(shard)
            self.guild.gateway.hold(shard)

    async def release(self, shard):
        if shard in self.held:
            self.held.remove(shard)
            self.guild.gateway.release(shard)

    async def invalidate(self, _shard):
        self.guild.gateway.invalidate(resumable=self.random.random() < 0.5)

    async def cut(self, _shard):
        self.guild.gateway.cut()

    async def outage(self, shard):
        if shard not in self.out:
            self.out.add(shard)
            self.guild.begin_outage(find_server(shard, SHARDS))

    async def back(self, shard):
        if shard in self.out:
            self.out.remove(shard)
            self.guild.end_outage(find_server(shard, SHARDS))

    async def leave(self, _shard):
        if len(self.names) > 1:
            await self.shared.leave(self.names.pop(0))

    async def start(self, _shard):
        if len(self.names) < PROCESSES:
            self._number += 1
            self.names.append(f"p{self._number}")
            await self.shared.start(self.names[-1], sharing=sharing(self.store), rules={"alone": False})

    async def end(self):
        for shard in range(SHARDS):
            await self.release(shard)
            await self.back(shard)

    def count_answers(self):
        posts = [post for shard in range(SHARDS) for post in self.guild.visible(f"room-{shard}")]
        return Counter(post.reference for post in posts if post.author == "confab")


@pytest.mark.reliability
@pytest.mark.parametrize("seed", range(4))
async def test_each_question_is_answered_once_whatever_becomes_of_shards_that_processes_share(claude, store, seed):
    async with discord_of(SHARDS) as guild, Processes(guild, claude, store) as shared:
        storm = ShardStorm(seed, guild, shared, store)
        await storm.start(0)
        await heard(guild, SHARDS)
        await ask(guild, "first", SHARDS)
        await all_answered(guild, SHARDS, 1)
        for _ in range(STEPS):
            await storm.act()
        await storm.end()
        await until(lambda: set(storm.asked) <= storm.count_answers().keys(), 90)

        assert storm.asked
        assert set(storm.count_answers().values()) == {1}
