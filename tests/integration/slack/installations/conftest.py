"""Slack with two workspaces, Claude, and a store."""

import pytest

from core.store import open_store
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.server import SlackFake


@pytest.fixture
async def slack():
    async with SlackFake() as server:
        yield server


@pytest.fixture
async def claude():
    async with ClaudeFake() as server:
        yield server


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()
