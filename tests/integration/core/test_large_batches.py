"""Ten thousand rows are offered, sent, collected and posted in flat memory, without holding up the event loop.

Tests core.jobs.submission, core.jobs.collection, core.commands.batches.preview, core.commands.batches.results.
"""

import asyncio
import json
import os
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any

import pytest

from bots.app.run import assemble
from core.domain.controls import Control
from core.domain.events import Pressed
from core.domain.messages import Attachment
from core.jobs.pace import JobPace
from core.settings import Settings
from core.store import open_store
from core.store.records.jobs import JobState
from core.tools.registry import ToolRegistry
from tests.fakes.board import Board
from tests.fakes.claude.server import KEY
from tests.support.board_house import closed, command, key
from tests.support.loop_watch import settle_heap
from tests.support.stalls import measure_stalls

pytestmark = pytest.mark.slow
settled_heap = pytest.fixture(settle_heap, autouse=True)
MANY = 10_000
SIZES = pytest.mark.parametrize("rows", [MANY // 4, pytest.param(MANY, marks=pytest.mark.reliability)])
STALL = 0.020  # seconds of work of the loop that others may have to wait for
ROW = 120  # bytes of a row in the file
GROWTH = 5.0  # megabytes that ten times as many rows may take beside their files: a hundred are held at once
PACE = JobPace(0.05, *[timedelta(seconds=20)] * 1, *[timedelta(seconds=0.2)] * 2, timedelta(minutes=1))


@asynccontextmanager
async def claude_elsewhere() -> AsyncIterator[str]:
    """A Claude in a process of its own: its work is none of ours. Its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.claude.server"), stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    try:
        assert process.stdout
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def carry_out(
    url: str, folder: Any, rows: int, watch: Any = nullcontext, table: str = ""
) -> tuple[Board, float, Any]:
    """A batch of so many rows, from its command to its posted results; the most memory that it took, in bytes.

    And what was seen by `watch` meanwhile. Of a `table` that is given there is only the offer.
    """
    board = Board()
    given, table = table, table or "text\n" + "".join(f"{number:0{ROW - 1}}\n" for number in range(1, rows + 1))
    board.files["f1"] = table.encode()
    settings = Settings(anthropic_api_key=KEY, anthropic_base_url=url, confab_model="claude-haiku-5-5", _env_file=None)
    store = await open_store(f"sqlite:///{folder}/{rows}.db")
    try:
        async with assemble(settings, [board], store, tools=ToolRegistry(), pace=PACE) as assistant:
            await assistant.list_models()
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            file = Attachment("f1", "a.csv", "text/csv", len(table))
            async with watch() as seen:
                await assistant.ingest(command("batch Say {text}", name="b1", attachments=(file,)))
                await closed(store)
                if given:
                    return board, 0, seen
                await assistant.ingest(Pressed("s1", key(), "U1", Control.START, "b1", board.now(), "{}"))
                while (job := await store.jobs.find_numbered(key(), 1)) is None or job.state is not JobState.CLOSED:
                    await asyncio.sleep(0.1)
            return board, tracemalloc.get_traced_memory()[1] - before, seen
    finally:
        await store.shut()


def count_rows(board: Board) -> tuple[int, int]:
    """The rows of the results that stand in their order with an answer, and the bytes of the files."""
    files = [file for hung in board.hung.values() for file in hung]
    (table,) = [file.content.decode() for file in files if file.name == "batch-1.csv"]
    right = sum(
        line == f"{number},{number:0{ROW - 1}},You said: Say {number:0{ROW - 1}},"
        for number, line in enumerate(table.splitlines()[1:], 1)
    )
    return right, sum(len(file.content) for file in files)


@SIZES
async def test_thousands_of_rows_hold_the_loop_for_less_than_20_ms(tmp_path, rows):
    async with claude_elsewhere() as url:
        await carry_out_once(url, tmp_path)
        board, _, stalls = await carry_out(url, tmp_path, rows, measure_stalls)

    print(f"longest stall {max(stalls) * 1000:.1f} ms")
    assert count_rows(board)[0] == rows
    assert max(stalls) < STALL


async def carry_out_once(url: str, folder: Any) -> None:
    """What is done for the first time builds much, whatever it is."""
    tracemalloc.start()
    try:
        await carry_out(url, folder, 5)
    finally:
        tracemalloc.stop()


@SIZES
async def test_ten_times_as_many_rows_take_hardly_more_memory_than_their_files(tmp_path, rows):
    async with claude_elsewhere() as url:
        tracemalloc.start()
        try:
            await carry_out(url, tmp_path, 5)
            few, small, _ = await carry_out(url, tmp_path, rows // 10)
            many, large, _ = await carry_out(url, tmp_path, rows)
        finally:
            tracemalloc.stop()

    files = count_rows(many)[1] - count_rows(few)[1]
    print(f"{rows:,} rows {large / 1e6:.1f} MB, a tenth {small / 1e6:.1f} MB, of which files {files / 1e6:.1f} MB")
    assert count_rows(many)[0] == rows
    assert large - small < files + 2 * ROW * rows + GROWTH * 1e6


async def test_rows_that_hold_as_much_as_one_may_hold_the_loop_for_less_than_20_ms(tmp_path):
    values = f"[{','.join(['[1]'] * 7_400)}]"
    row = json.dumps({"text": "a", "long": ["x" * 90_000], "two": "y" * 90_000, "more": json.loads(values)})
    async with claude_elsewhere() as url:
        await carry_out_once(url, tmp_path)
        board, _, stalls = await carry_out(url, tmp_path, 20, measure_stalls, f"{row}\n" * 20)

    print(f"longest stall {max(stalls) * 1000:.1f} ms")
    assert "20 rows of a.csv" in board.shown("t1")[0]
    assert max(stalls) < STALL
