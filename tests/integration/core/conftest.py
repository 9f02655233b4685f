"""An open store whose clock is the board's, and an assistant between the board and Claude."""

import pytest

from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.support.board_house import ask
from tests.support.house import house


@pytest.fixture
async def store(board, tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=board.now)
    yield opened
    await opened.shut()


@pytest.fixture
async def assistant(store, claude, board):
    async with house(store, claude, board) as running:
        yield running


@pytest.fixture
async def asked(assistant, board, claude, store):
    """A channel with three questions in a thread, each with its answer."""
    for number in range(1, 4):
        claude.script(Answer(text=f"Answer {number}."))
        await ask(assistant, board, store, f"Question {number}")
