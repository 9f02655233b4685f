"""From `hear` to the request on the wire, in a warm thread of 200 messages: `python -m bench.overhead`."""

import asyncio
import statistics
import tempfile
import time

from core.chat import Asks
from core.store.sqlite import open_store
from tests.fakes.board import Board
from tests.fakes.claude import ClaudeFake
from tests.fakes.claude_script import Answer
from tests.house import house

MESSAGES = 200
QUESTIONS = 100


async def main() -> None:
    board = Board()
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def note(_index: int) -> None:
        arrived.put_nowait(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(f"sqlite:///{folder}/confab.db", clock=board.now)
        async with ClaudeFake() as fake, house(store, fake, board) as assistant:
            fake.answer = lambda body: Answer(text="fine")
            for _ in range(MESSAGES):
                board.said(
                    "t1", "U2", "A message of about eighty characters, as people write them in a channel.", asks=Asks.NO
                )
            await assistant.hear(board.said("t1", "U1", "the first question reads the thread"))
            await board.until("t1", "fine")
            fake.on_request(note)
            board.calls.clear()
            taken = [await once(assistant, board, arrived) for _ in range(QUESTIONS)]
        await store.shut()
    milliseconds = sorted(1000 * seconds for seconds in taken)
    p50, p99 = statistics.median(milliseconds), milliseconds[int(0.99 * len(milliseconds))]
    print(f"hear to request, warm thread of {MESSAGES}+ messages: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    print(f"platform calls: {len(board.calls)}")


async def once(assistant, board: Board, arrived: asyncio.Queue[float]) -> float:
    shown = len(board.shown("t1"))
    event = board.said("t1", "U1", "and now?", asks=Asks.PERHAPS)
    began = time.perf_counter()
    await assistant.hear(event)
    at = await arrived.get()
    await board.until("t1", *["fine"] * (shown + 1))
    return at - began


if __name__ == "__main__":
    asyncio.run(main())
