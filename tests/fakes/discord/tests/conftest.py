"""Discord on loopback, and the unmodified library online in it."""

import pytest

from tests.fakes.discord.client import Noted, online, pointed
from tests.fakes.discord.server import DiscordFake


@pytest.fixture
async def guild():
    async with DiscordFake() as server:
        with pointed(server):
            yield server


@pytest.fixture
async def bot(guild):
    client = Noted()
    async with online(client, guild.token):
        yield client
