"""Fixtures: a loopback Discord, Claude's server, a store, and Confab between them."""

import pytest

from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.server import DiscordFake
from tests.support.guild import confab


@pytest.fixture
async def kept(tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db")
    yield opened
    await opened.shut()


@pytest.fixture
async def claude():
    async with ClaudeFake() as server:
        server.answer = lambda body: Answer(text="fine")
        yield server


@pytest.fixture
async def fake():
    async with DiscordFake() as server:
        yield server


@pytest.fixture
async def running(fake, claude, kept):
    async with confab(fake, claude, kept) as process:
        yield process
