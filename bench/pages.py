"""Pages: the dashboard of a workspace with a million messages, each page as who comes first sees it, and again.

Days that are over have been counted in the background; what pages cost before that is shown apart, and what the count does.
"""

import asyncio
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from aiohttp import ClientSession

from bench.figures import Figure, at
from bots.app.run import freeze_heap
from core.domain.clock import system_clock
from core.domain.messages import Rank
from core.jobs.day_sums import DaySumWorker
from core.store import open_store
from core.store.rules.reports.activity import ReportRepository
from core.store.sql_port import stamp
from tests.fakes.board import Board
from tests.support.dashboard import HERE, Browser, Front, fill, open_front

THREADS, EACH = 10_000, 100
DAYS = 90  # in which all of it was said
GOAL, TRANSFER = 200.0, 100.0  # milliseconds of the processor, and kB
PAGES = [
    "",
    "?days=90",
    "/usage",
    "/usage?by=person&days=90",
    "/personas",
    "/library/translator",
    "/budgets",
    "/tools",
    "/work",
    "/audit",
    "/health",
]
UNCOUNTED = ("DELETE FROM day_sums", "DELETE FROM day_sum_progress")
NEWEST = ("DELETE FROM day_sums WHERE until = (SELECT max(until) FROM day_sums)",)
STEP = 20.0  # milliseconds of the processor
ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5")


async def pages(folder: Path, threads: int = THREADS, each: int = EACH) -> list[Figure]:
    """Processor time of server and client together, for pages whose figures nobody has counted just now."""
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
            return await _measure_all(front, case)
    finally:
        await store.shut()


async def _measure_all(front: Front, case: str) -> list[Figure]:
    """Each page before days are counted, the first time after that, with the newest day not counted yet, and again."""
    await _change(front, UNCOUNTED)
    async with front.browse() as browser:
        before = [await _read(front, browser, page) for page in PAGES]
        counted = await _count_days(front, case)
        ever = [await _read(front, browser, page) for page in PAGES]
        await _change(front, NEWEST)
        twice = [(await _read(front, browser, page), await _read(front, browser, page, fresh=False)) for page in PAGES]
        sizes = [await _weigh(front, browser, page) for page in PAGES]
    return counted + [
        Figure("pages", case, f"/dashboard{page}, {measure}", unit, None, found[number], goal)
        for number, page in enumerate(PAGES)
        for measure, unit, found, goal in (
            ("before days are counted", "ms", before, None),
            ("first ever", "ms", ever, GOAL),
            ("first", "ms", [one for one, _ in twice], GOAL),
            ("again", "ms", [one for _, one in twice], GOAL),
            ("transfer", "kB", sizes, TRANSFER),
        )
    ]


async def _count_days(front: Front, case: str) -> list[Figure]:
    """What the count of all days costs, and one step of it."""
    spent = [time.process_time()]

    async def rest(_seconds: float) -> None:
        spent.append(time.process_time())

    await DaySumWorker(front.store.day_sums, "UTC", system_clock, rest).count_all()
    steps = [1000 * (ended - began) for began, ended in pairwise([*spent, time.process_time()])]
    return [
        Figure("pages", case, "days counted, in all", "ms", None, sum(steps)),
        Figure("pages", case, "days counted, a step, p50", "ms", None, at(steps, 0.5), STEP),
        Figure("pages", case, "days counted, a step, p99", "ms", None, at(steps, 0.99), STEP),
    ]


async def _change(front: Front, statements: Sequence[str]) -> None:
    reports = front.store.reports
    assert isinstance(reports, ReportRepository)
    for statement in statements:
        await reports.engine.unit(lambda sql, one=statement: sql.execute(one, {}))


async def _read(front: Front, browser: Browser, page: str, *, fresh: bool = True) -> float:
    """Milliseconds of the processor for a page, whose figures nobody has counted within the last minute if `fresh`."""
    if fresh:
        front.dashboard.desk.recent.forget()
    began = time.process_time()
    await browser.read(f"/dashboard{page}")
    return 1000 * (time.process_time() - began)


async def _weigh(front: Front, browser: Browser, page: str) -> float:
    """Kilobytes of a page and all that comes with it, as they are sent."""
    name, size = f"/dashboard{page}", 0
    text = await browser.read(name)
    async with ClientSession(front.address, cookie_jar=browser.session.cookie_jar, auto_decompress=False) as plain:
        for address in (name, *ASSET.findall(text)):
            async with plain.get(address) as response:
                size += len(await response.read())
    return size / 1000


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
