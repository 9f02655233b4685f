"""Pages: the dashboard of a workspace with a million messages, each page as who comes first on a day sees it, and again.

Days before yesterday were counted when somebody looked then; what the very first look ever costs is shown apart.
"""

import asyncio
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import ClientSession

from bench.figures import Figure
from bots.app.run import freeze_heap
from core.domain.clock import system_clock
from core.domain.messages import Rank
from core.store import open_store
from core.store.rules.reports.activity import ReportRepository
from core.store.sql_port import stamp
from tests.fakes.board import Board
from tests.support.dashboard import HERE, Front, fill, open_front

THREADS, EACH = 10_000, 100
DAYS = 90  # in which all of it was said
GOAL, TRANSFER = 200.0, 100.0  # milliseconds of the processor, and kB
PAGES = [
    "",
    "?days=90",
    "/usage",
    "/usage?by=person&days=90",
    "/personas",
    "/budgets",
    "/tools",
    "/work",
    "/audit",
    "/health",
]
DROP_ALL = "DELETE FROM day_sums"
DROP_NEWEST = "DELETE FROM day_sums WHERE until = (SELECT max(until) FROM day_sums)"
ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5")


async def pages(folder: Path, threads: int = THREADS, each: int = EACH) -> list[Figure]:
    """Processor time of server and client together, for a page whose figures nobody has counted today."""
    url = f"sqlite:///{folder}/confab.db"
    await (await open_store(url)).shut()
    await asyncio.to_thread(_fill, folder / "confab.db", threads, each)
    store = await open_store(url)
    await fill(store, system_clock)  # type: ignore[arg-type]
    board = Board()
    board.ranks["U1"] = Rank.OWNER
    case = f"{threads * each:,} messages in {threads:,} threads, {DAYS} days"
    try:
        async with open_front(store, board, system_clock) as front:
            freeze_heap()
            return [one for page in PAGES for one in await _measure(front, case, page)]
    finally:
        await store.shut()


async def _measure(front: Front, case: str, page: str) -> list[Figure]:
    """The first time ever, of a day, and the second; and all bytes that come with the page, as they are sent."""
    name = f"/dashboard{page}"
    kept_sums = front.store.reports
    assert isinstance(kept_sums, ReportRepository)
    async with front.browse() as browser:
        spent, size = [], 0
        for dropped in (DROP_ALL, DROP_NEWEST, None):
            if dropped:
                front.dashboard.desk.recent.forget()
                await kept_sums.engine.unit(lambda sql, drop=dropped: sql.execute(drop, {}))
            began = time.process_time()
            text = await browser.read(name)
            spent.append(1000 * (time.process_time() - began))
        async with ClientSession(front.address, cookie_jar=browser.session.cookie_jar, auto_decompress=False) as plain:
            for address in (name, *ASSET.findall(text)):
                async with plain.get(address) as response:
                    size += len(await response.read())
    return [
        Figure("pages", case, f"{name}, first ever", "ms", None, spent[0], None),
        Figure("pages", case, f"{name}, first", "ms", None, spent[1], GOAL),
        Figure("pages", case, f"{name}, again", "ms", None, spent[2], GOAL),
        Figure("pages", case, f"{name}, transfer", "kB", None, size / 1000, TRANSFER),
    ]


def _fill(path: Path, threads: int, each: int) -> None:
    """Every other message asks, and the next one answers it."""
    begun = datetime.now(UTC) - timedelta(days=DAYS)
    pause = timedelta(days=DAYS) / (threads * each)
    with closing(sqlite3.connect(path)) as db, db:
        for table, rows in (
            ("messages", _messages(threads, each, begun, pause)),
            ("questions", _questions(threads, each, begun, pause)),
            ("requests", _requests(threads, each, begun, pause)),
        ):
            first = next(rows)
            names = ", ".join(first)
            statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in first)})"
            db.execute(statement, first)
            db.executemany(statement, rows)
        db.execute("ANALYZE")


def _places(threads: int, each: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Each message in its order: a hundred threads go on at a time."""
    for number in range(threads * each):
        thread = number // (each * 100) * 100 + number % 100
        yield number, {"workspace": HERE, "channel": f"C{thread % 100:03d}", "thread": f"t{thread}"}


def _messages(threads: int, each: int, begun: datetime, pause: timedelta) -> Iterator[dict[str, object]]:
    for number, place in _places(threads, each):
        turn = number // 100 % 2
        answers = {"answers": f"m{number - 100}" if turn else None, "mine": turn}
        at = stamp(begun + number * pause)
        yield {
            **place,
            "message": f"m{number}",
            "author": f"U{number % 7}",
            "text": f"words {number}",
            "at": at,
            **answers,
        }


def _questions(threads: int, each: int, begun: datetime, pause: timedelta) -> Iterator[dict[str, object]]:
    for number, place in _places(threads, each):
        if number // 100 % 2 == 0:
            at = stamp(begun + number * pause)
            outcome = {"outcome": "refused" if number % 50 == 0 else "shown", "closed_at": at, "reply": f"m{number}"}
            asked = {"name": f"m{number}", "person": f"U{number % 7}", "at": at, "asks": "certainly", "said": "yes"}
            yield {**place, **asked, **outcome, "alone": 0, "private": 0}


def _requests(threads: int, each: int, begun: datetime, pause: timedelta) -> Iterator[dict[str, object]]:
    for number, place in _places(threads, each):
        if number // 100 % 2 == 0:
            asked = {"question": f"m{number}", "person": f"U{number % 7}", "at": stamp(begun + number * pause)}
            bound = {
                "model": MODELS[number % 2],
                "persona": 1,
                "input_bound": 9_000,
                "output_bound": 900,
                "bound": 9_000,
            }
            used = {"input": 400, "output": 300, "thinking": 0, "cache_read": 1_200, "cache_write_5m": 0}
            more = {"cache_write_1h": 0, "web_searches": 0, "micro_usd": 1_000 + number % 999, "saved": 300}
            yield {**place, **asked, **bound, **used, **more, "state": "settled"}
