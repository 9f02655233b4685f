"""A dashboard over the board, for the tests of its pages."""

import pytest

from core.store import open_store
from tests.fakes.board import Board
from tests.support.clock import ManualClock
from tests.support.dashboard import open_front


@pytest.fixture
async def front():
    clock = ManualClock()
    store = await open_store("sqlite:///:memory:", clock=clock)
    async with open_front(store, Board(), clock) as opened:
        yield opened
    await store.shut()
