"""A store in memory, for commands that read or change it."""

import pytest

from core.store import open_store


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()
