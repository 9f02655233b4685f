"""A server on loopback, a store in a file, and Confab connected between them and Claude."""

import pytest

from core.store import open_store
from tests.fakes.discord.server import DiscordFake
from tests.support.discord_house import confab


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db")
    yield opened
    await opened.shut()


@pytest.fixture
async def guild():
    async with DiscordFake() as server:
        yield server


@pytest.fixture
async def running(guild, claude, store):
    async with confab(guild, claude, store) as process:
        yield process
