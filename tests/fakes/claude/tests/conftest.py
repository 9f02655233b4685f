"""Claude's loopback server as it is when nothing is scripted, and the SDK's client of it."""

import pytest

from tests.fakes.claude.client import client_of
from tests.fakes.claude.server import ClaudeFake


@pytest.fixture
async def claude():
    async with ClaudeFake() as server:
        yield server


@pytest.fixture
async def sdk(claude):
    async with client_of(claude) as sdk:
        yield sdk
