"""Growth: a database of ten thousand threads and a million messages, beside an empty one."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.figures import Figure, at
from bench.sides import MESSAGE, side, take_in_turn
from core.store import open_store

THREADS, EACH = 10_000, 100
QUESTIONS = 60
GOAL = 1.2
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = "workspace, channel, thread"


async def growth(folder: Path, threads: int = THREADS, each: int = EACH, questions: int = QUESTIONS) -> list[Figure]:
    """Confab on an empty database, the "limit" here, and on a full one, question by question in turn."""
    for name in ("empty", "full"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    await fill(folder / "full" / "confab.db", threads, each)
    async with (
        side("slack", "confab", folder / "empty") as empty,
        side("slack", "confab", folder / "full") as full,
    ):
        taken = await take_in_turn((empty, full), questions)
        sizes = [(folder / name / "confab.db").stat().st_size / 1e6 for name in ("empty", "full")]
        memory = [one.process.peak() for one in (empty, full)]
    case = f"{threads * each:,} messages in {threads:,} threads"
    rows = (
        ("a question, p50", "ms", [at(one, 0.5) for one in taken], GOAL),
        ("a question, p99", "ms", [at(one, 0.99) for one in taken], None),
        ("start", "ms", [1000 * empty.started, 1000 * full.started], None),
        ("peak memory", "MB", memory, None),
        ("database", "MB", sizes, None),
    )
    return [Figure("growth", case, name, unit, *values, goal) for name, unit, values, goal in rows]


async def fill(path: Path, threads: int, each: int) -> None:
    """A database with so many threads of so many messages, as Confab would have written them."""
    store = await open_store(f"sqlite:///{path}")
    await store.shut()
    await asyncio.to_thread(_filled, path, threads, each)


def _filled(path: Path, threads: int, each: int) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO workspaces (workspace, gap) VALUES ('slack:T024', 0)")
        db.executemany(
            f"INSERT INTO threads ({PLACE}, begun_at, read_gap) VALUES (?, ?, ?, ?, 0)", list_threads(threads)
        )
        db.executemany(
            f"INSERT INTO messages ({PLACE}, message, author, text, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row for thread in range(threads) for row in list_messages(thread, each)),
        )


def list_threads(count: int) -> Iterator[tuple[str, ...]]:
    """Rows of so many threads: their place, and when they began."""
    return (("slack:T024", f"C{number % 100:03d}", _ts(number, 0), _at(number, 0)) for number in range(count))


def list_messages(thread: int, count: int) -> Iterator[tuple[str, ...]]:
    """Rows of a thread's messages: their place, their name, author, text and time."""
    place = ("slack:T024", f"C{thread % 100:03d}", _ts(thread, 0))
    return (
        (*place, _ts(thread, number), f"U{number % 7}", f"{MESSAGE}{thread} {number}", _at(thread, number))
        for number in range(count)
    )


def _ts(thread: int, number: int) -> str:
    return f"{1_767_225_600 + 60 * thread}.{number:06d}"


def _at(thread: int, number: int) -> str:
    return (BEGUN + timedelta(minutes=thread, seconds=number)).isoformat()
