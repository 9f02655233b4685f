"""A store in memory, for what decides by what is noted there."""

import pytest

from core.store import open_store


@pytest.fixture
async def store(clock):
    opened = await open_store("sqlite://", clock=clock)
    yield opened
    await opened.shut()
