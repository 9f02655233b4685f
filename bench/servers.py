"""Servers: one process in thousands of Discord's, beside one that is in a single one."""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.processes import OURS, process
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.crowd import add_guilds
from tests.fakes.discord.server import DiscordFake

COUNT = 5_000
PATIENCE = 600.0  # seconds until all servers have come


async def servers(folder: Path, count: int = COUNT) -> list[Figure]:
    """The "limit" is the same Confab in one server."""
    few, many = [await _start(folder, one) for one in (1, count)]
    case = f"discord, {count:,} servers of 35 channels, 15 roles, 5 threads"
    each = 1024 * (many.memory - few.memory) / max(1, count - 1)
    return [
        Figure("servers", case, "process to answer in the last server", "ms", few.milliseconds, many.milliseconds),
        Figure("servers", case, "processor time of that", "ms", few.cpu, many.cpu),
        Figure("servers", case, "memory", "MB", few.memory, many.memory),
        Figure("servers", case, "memory a server", "kB", None, each),
    ]


@dataclass(frozen=True, slots=True)
class Started:
    """A process that answers: after how many milliseconds, of which of the processor's, and with how many MB."""

    milliseconds: float
    cpu: float
    memory: float


async def _start(folder: Path, count: int) -> Started:
    """A process that answers in the server that came last."""
    place = folder / str(count)
    place.mkdir(parents=True)
    async with DiscordFake() as discord, ClaudeFake() as claude:
        last = add_guilds(discord.world, count)[-1]
        room = next(one.id for one in discord.world.channels.values() if one.guild == last and one.name == "room-0")
        settings = {
            "ANTHROPIC_API_KEY": claude.key,
            "ANTHROPIC_BASE_URL": claude.url,
            "DISCORD_BOT_TOKEN": discord.token,
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "DATABASE_URL": "sqlite:///confab.db",
        }
        began = time.perf_counter()
        async with process(OURS, settings, place) as bot:
            await discord.until(lambda: discord.gateway.live, PATIENCE)
            await discord.say("ada", room, f"<@{discord.me}> hello")
            await discord.until(lambda: len(discord.visible(room)) > 1, PATIENCE)
            return Started(1000 * (time.perf_counter() - began), 1000 * bot.cpu(), bot.memory())
