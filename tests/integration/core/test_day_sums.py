"""A bot that runs counts the days that are over by itself; pages tell the same before and after, and read no more rows.

Tests core.jobs.day_sums.
"""

import asyncio
from datetime import timedelta

import pytest

from bots.app.run import assemble
from core.domain.clock import system_clock
from core.jobs.day_sums import DaySumWorker
from core.jobs.pace import JobPace
from core.settings import Settings
from core.store import open_store
from core.store.sql_port import stamp
from core.tools.registry import ToolRegistry
from tests.fakes.board import Board
from tests.support.clock import ManualClock
from tests.support.dashboard import HERE, find_token, open_front
from tests.support.talk import NOON

PAGES = ("", "?days=7", "/usage", "/usage?by=person&days=90", "/usage?by=model", "/usage?by=persona", "/usage?by=day")
READERS = (*PAGES, "/library/translator")


async def fill(store, now, days=5, each=120):
    def write(sql):
        for number in range(days * each):
            sql.insert(
                "requests",
                {
                    "workspace": HERE,
                    "channel": f"C{number % 4}",
                    "thread": "t",
                    "question": "q",
                    "person": f"U{number % 3}",
                    "model": "m",
                    "persona": number % 2,
                    "persona_wide": True,
                    "at": stamp(now - timedelta(days=number % days, minutes=number)),
                    "state": "settled",
                    "input": 10 + number,
                    "output": 3,
                    "input_bound": 20,
                    "output_bound": 5,
                    "micro_usd": number * 1000,
                    "saved": 7,
                    "cache_read": number,
                },
            )

    await store.reports.engine.unit(write)


async def read_pages(front, pages):
    front.dashboard.desk.recent.forget()
    async with front.browse() as browser:
        read = {page: (await browser.read(f"/dashboard{page}")) for page in pages}
    return {page: text.partition("<main")[2].replace(find_token(text), "") for page, text in read.items()}


async def test_pages_tell_the_same_before_and_after_days_are_counted_and_read_no_requests_of_these():
    clock = ManualClock()
    store = await open_store("sqlite://", clock=clock)
    await fill(store, NOON)
    board = Board()
    board.people |= {f"#C{number}": f"room {number}" for number in range(4)}
    async with open_front(store, board, clock) as front:
        before = await read_pages(front, READERS)
        await DaySumWorker(store.day_sums, "UTC", clock, lambda _: asyncio.sleep(0)).count_all()
        after = await read_pages(front, READERS)
        gone = "DELETE FROM requests WHERE at < (SELECT max(until) FROM day_sums)"
        await store.reports.engine.unit(lambda sql: sql.execute(gone, {}))
        without = await read_pages(front, READERS)
    await store.shut()

    assert all("$" in before[page] for page in PAGES)
    assert all("room 3" in page for page in (before["/usage"], before["/library/translator"]))
    assert after == before
    assert without == before


@pytest.mark.parametrize("seconds", [0, 60])
async def test_a_bot_counts_days_once_it_has_settled(tmp_path, seconds):
    store = await open_store(f"sqlite:///{tmp_path}/confab.db")
    await fill(store, system_clock())
    settings = Settings(_env_file=None)

    async def count_kept():
        rows = await store.reports.engine.unit(lambda sql: sql.many("SELECT DISTINCT since FROM day_sums", {}))
        return len(rows)

    async with assemble(settings, [Board()], store, tools=ToolRegistry(), pace=JobPace(settling=seconds)):
        if not seconds:
            async with asyncio.timeout(60):
                while await count_kept() < 3:
                    await asyncio.sleep(0.02)
        kept = await count_kept()
    await store.shut()

    assert (kept >= 3) == (not seconds)
