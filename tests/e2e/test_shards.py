"""Processes on one database share Discord's shards; one is killed: each question in each server is answered once."""

import asyncio
import time
from collections import Counter
from datetime import timedelta

import pytest

from core.store.records.shards.leases import LEASE
from tests.e2e.reliability import bot as program
from tests.e2e.reliability.nursery import nursery
from tests.e2e.reliability.worlds import DiscordWorld
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.server import DiscordFake
from tests.fakes.discord.starts import SessionStarts
from tests.support.databases import POSTGRES, SQLITE

SHORT = timedelta(seconds=3)  # a lease that a busy machine keeps
LONG = timedelta(minutes=10)  # one that nobody takes over
WINDOW = 0.3  # seconds in which a bucket takes one session; Discord's are five
PATIENCE = 60.0
GLANCE = 0.02  # seconds after which the database is looked at again
TAKEN_OVER = 15.0  # seconds after which the shards of a dead process are heard again, with leases as they are shipped


class Fleet:
    """Processes over one database, and a server of each shard with a room in it."""

    def __init__(self, guild, claude, bots, folder, database, *, shards, lease=SHORT):
        self.guild, self.bots, self.folder, self.database, self.shards = guild, bots, folder, database, shards
        sharing = {"DISCORD_SHARDS": "auto", program.LEASE: str(lease.total_seconds())}
        self.environment = DiscordWorld(guild, claude).environment() | {"DATABASE_URL": database.url} | sharing
        self.asked = {}
        for shard in range(shards):
            key = str((shards + shard) << 22)
            guild.guild(key, f"Server {shard}")
            guild.room(f"room-{shard}", key)

    async def start(self, living):
        """One more process; it shares the shards when so many do."""
        bot = await self.bots.bot(self.environment, self.folder / "log")
        await self.until_kept("shard_holders", living)
        return bot

    async def until_kept(self, table, count, where="TRUE"):
        async with asyncio.timeout(PATIENCE):
            while self.database.count(table, where) < count:
                await asyncio.sleep(GLANCE)

    async def heard(self):
        """Wait until somebody listens to every shard."""
        live = self.guild.gateway
        await self.guild.until(lambda: len({one.shard for one in live.live}) == self.shards, PATIENCE)

    async def ask(self, word):
        """Ask in every room."""
        for shard in range(self.shards):
            room = f"room-{shard}"
            self.asked[await self.guild.say("ada", room, f"<@{self.guild.me}> {word} {shard}")] = room

    async def answered(self):
        await self.guild.until(lambda: self.asked.keys() <= self.answers.keys(), PATIENCE)

    @property
    def answers(self):
        """How many answers each question has."""
        posts = [post for room in set(self.asked.values()) for post in self.guild.visible(room)]
        return Counter(post.reference for post in posts if post.author == "confab")

    async def bury_first(self, processes):
        """Ask before, during and after the death of who holds all shards; the seconds until all are heard again."""
        first = await self.start(1)
        await self.heard()
        for number in range(1, processes):
            await self.start(number + 1)
        await self.ask("before")
        await self.answered()
        await self.until_kept("shard_leases", self.shards, "session <> ''")
        await first.kill()
        died = time.monotonic()
        await self.guild.until(lambda: not self.guild.gateway.live, PATIENCE)
        await self.ask("during")
        await self.heard()
        seconds = time.monotonic() - died
        await self.ask("after")
        await self.answered()
        return seconds


@pytest.mark.parametrize(
    ("databases", "processes", "shards", "concurrency"),
    [
        pytest.param(SQLITE, 2, 4, 1, id="two processes and four shards"),
        pytest.param(POSTGRES, 3, 16, 16, id="three processes and sixteen shards"),
        pytest.param(POSTGRES, 3, 16, 1, id="sixteen shards one after the other", marks=pytest.mark.reliability),
    ],
    indirect=["databases"],
)
async def test_each_question_is_answered_once_before_during_and_after_the_death_of_who_held_all_shards(
    tmp_path, databases, processes, shards, concurrency
):
    starts = SessionStarts(concurrency, WINDOW)
    async with DiscordFake(shards=shards, starts=starts) as guild, ClaudeFake() as claude, nursery() as bots:
        fleet = Fleet(guild, claude, bots, tmp_path, databases.of(tmp_path), shards=shards)
        await fleet.bury_first(processes)

        assert fleet.answers == dict.fromkeys(fleet.asked, 1)
        assert (guild.gateway.identified, starts.crowded) == (shards, 0)
        assert guild.gateway.resumed >= shards


@pytest.mark.reliability
@pytest.mark.parametrize("databases", [POSTGRES], indirect=True)
async def test_with_leases_as_shipped_shards_are_heard_again_fifteen_seconds_after_a_death(
    tmp_path, databases, record_property
):
    async with DiscordFake(shards=4) as guild, ClaudeFake() as claude, nursery() as bots:
        fleet = Fleet(guild, claude, bots, tmp_path, databases.of(tmp_path), shards=4, lease=LEASE)
        seconds = await fleet.bury_first(3)
        record_property("figures", {"what": "shards taken over", "seconds": seconds})

        assert LEASE.total_seconds() / 2 < seconds < TAKEN_OVER
        assert fleet.answers == dict.fromkeys(fleet.asked, 1)


@pytest.mark.parametrize("databases", [POSTGRES], indirect=True)
async def test_questions_of_a_killed_process_are_answered_while_nobody_has_its_shards_yet(tmp_path, databases):
    gate = Gate()
    async with DiscordFake(shards=4) as guild, ClaudeFake() as claude, nursery() as bots:
        claude.answer = lambda _body: Answer(text="fine", gate=gate)
        fleet = Fleet(guild, claude, bots, tmp_path, databases.of(tmp_path), shards=4, lease=LONG)
        first = await fleet.start(1)
        await fleet.heard()
        await fleet.ask("hello")
        await gate.reached.wait()
        await fleet.until_kept("questions", 4)
        await fleet.start(2)
        await first.kill()
        gate.opened.set()
        await fleet.answered()

        assert (fleet.answers, guild.gateway.live) == (dict.fromkeys(fleet.asked, 1), [])
