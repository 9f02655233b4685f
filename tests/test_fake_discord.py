"""The loopback Discord, seen through the unmodified discord.py."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import pytest

from tests.fakes.discord import DiscordFake
from tests.fakes.discord_client import pointed
from tests.fakes.discord_world import Changes

INTENTS = discord.Intents(guilds=True, messages=True, message_content=True, reactions=True)
QUICK = {"guild_ready_timeout": 0.01, "allowed_mentions": discord.AllowedMentions.none()}


class Recorder:
    """A client that notes every event and waits for nothing before it identifies."""

    def __init__(self, *, intents: discord.Intents = INTENTS, **options: Any) -> None:
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        self.changes = Changes()
        super().__init__(intents=intents, **QUICK | options)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        pass

    def dispatch(self, event: str, /, *args: Any, **named: Any) -> None:
        self.events.append((event, args))
        self.changes.tell()
        super().dispatch(event, *args, **named)

    def seen(self, event: str) -> list[Any]:
        return [args[0] if args else None for name, args in self.events if name == event]

    async def happened(self, event: str, times: int = 1) -> Any:
        await self.changes.until(lambda: len(self.seen(event)) >= times, 5)
        return self.seen(event)[times - 1]


class Bot(Recorder, discord.Client):
    pass


class Sharded(Recorder, discord.AutoShardedClient):
    pass


@asynccontextmanager
async def online(fake: DiscordFake, bot: Any) -> AsyncIterator[Any]:
    running = asyncio.create_task(bot.start(fake.token))
    ready = asyncio.create_task(bot.happened("ready"))
    await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        ready.cancel()
        await running
    try:
        yield bot
    finally:
        await bot.close()
        await running


@pytest.fixture
async def fake() -> AsyncIterator[DiscordFake]:
    async with DiscordFake() as served:
        with pointed(served):
            yield served


@pytest.fixture
async def bot(fake: DiscordFake) -> AsyncIterator[Bot]:
    async with online(fake, Bot()) as client:
        yield client


def place(fake: DiscordFake, bot: Bot, name: str) -> Any:
    return bot.get_channel(int(fake.world.channel(name).id)) or bot.get_partial_messageable(
        int(fake.world.channel(name).id)
    )


async def test_a_client_logs_in_and_meets_its_guild(bot):
    [guild] = bot.guilds

    assert (bot.user.id, guild.id, guild.owner_id) == (4343, 8138, 7005)
    assert [channel.name for channel in guild.channels] == ["rooms", "general", "dev", "private", "questions"]
    assert guild.me.guild_permissions.send_messages


async def test_a_mention_arrives_and_the_reply_points_at_it(fake, bot):
    asked = await fake.say("ada", "general", f"<@{fake.me}> what is a fjord?")
    message = await bot.happened("message")
    answer = await message.reply("A long, narrow inlet.")

    assert (message.mentions, message.author.name) == ([bot.user], "ada")
    assert [(said.author, said.content, said.reference) for said in fake.visible("general")] == [
        ("ada", f"<@{fake.me}> what is a fjord?", None),
        ("confab", "A long, narrow inlet.", asked),
    ]
    assert answer.reference.resolved.content == message.content
    assert fake.pings == []
    assert fake.refusals == []
