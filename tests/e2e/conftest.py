"""A store in a file whose clock is the board's."""

import pytest

from core.store import open_store


@pytest.fixture
async def store(board, tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=board.now)
    yield opened
    await opened.shut()
