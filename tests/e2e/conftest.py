"""The databases of an engine, and a store in one of them whose clock is the board's."""

import pytest

from core.store import open_store
from tests.support.databases import SQLITE, Databases


@pytest.fixture
async def store(board, databases, tmp_path):
    opened = await open_store(databases.of(tmp_path).url, clock=board.now)
    yield opened
    await opened.shut()


@pytest.fixture
def databases(request):
    """The databases of one engine, SQLite's unless the test says which."""
    with Databases(getattr(request, "param", SQLITE)) as made:
        yield made
