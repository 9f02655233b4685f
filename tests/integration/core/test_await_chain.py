"""How many frames of ours lie between a claim and the first byte to Claude; docs/architecture.md names them."""

import asyncio
import gc
import re
from collections.abc import Iterator
from pathlib import Path
from types import AsyncGeneratorType, CoroutineType, FrameType
from typing import Any

import pytest

from core.store import open_store
from tests.fakes.board import Board
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.support.house import house

ROOT = Path(__file__).parents[3]
MOST = 10
CHAINED = {CoroutineType, AsyncGeneratorType}


@pytest.fixture
async def store():
    store = await open_store("sqlite://")
    yield store
    await store.shut()


def frames(task: asyncio.Task[Any]) -> Iterator[FrameType]:
    """The frames of the coroutines and generators that a task awaits, from the outermost to the innermost."""
    waiting: Any = task.get_coro()
    while waiting is not None:
        if isinstance(waiting, CoroutineType):
            frame, within = waiting.cr_frame, waiting.cr_await
        elif isinstance(waiting, AsyncGeneratorType):
            frame, within = waiting.ag_frame, waiting.ag_await
        else:  # what `__anext__` gives does not say whose it is, but refers to it
            frame, within = None, next((one for one in gc.get_referents(waiting) if type(one) in CHAINED), None)
        if frame is not None:
            yield frame
        waiting = within


def ours(frame: FrameType) -> bool:
    return any(Path(frame.f_code.co_filename).is_relative_to(ROOT / room) for room in ("core", "bots"))


async def test_at_most_ten_frames_of_ours_lie_between_a_claim_and_the_first_byte_to_claude(store):
    chains: dict[str, list[str]] = {}

    async with ClaudeFake() as fake:

        def answer(_body: object) -> Answer:
            for task in asyncio.all_tasks():
                chain = [frame.f_code.co_qualname for frame in frames(task) if ours(frame)]
                if chain:
                    chains[chain[0]] = chain
            return Answer(text="fine")

        fake.answer = answer
        board = Board()
        async with house(store, fake, board) as assistant:
            await assistant.ingest(board.said("t1", "U1", "hello"))
            await board.until("t1", "fine")

    chain = [*chains["Worker._answer"], *chains["AnswerTask._compose"]]
    assert chain[-1] == "Claude.stream"
    assert len(chain) <= MOST, chain
    manual = (ROOT / "docs" / "architecture.md").read_text()
    assert re.findall(r"^\s*\d+\. `([\w.]+)`", manual, re.MULTILINE) == chain
