"""A store in memory, and the scope of a call on the board."""

import pytest

from core.domain.messages import Question, ThreadKey
from core.store import open_store
from core.tools.tool import ToolScope

KEY = ThreadKey("board:w1", "c1", "t9")


@pytest.fixture
async def store(clock):
    opened = await open_store("sqlite://", clock=clock)
    yield opened
    await opened.shut()


@pytest.fixture
async def scope(store, board, clock):
    """Bob asks in a thread of channel c1, and lives in Berlin."""
    question = Question(KEY, "0900", "U2", board.now())

    async def find_zone():
        return "Europe/Berlin"

    return ToolScope(question, await board.surface(question), store, clock, find_zone)
