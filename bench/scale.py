"""Scale: one, two and four processes on one PostgreSQL, and a database of ten million messages beside an empty one."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import psutil
import psycopg

from bench import growth
from bench.asked import LONGEST, Speech
from bench.figures import Figure, at, combine
from bench.processes import OURS, Process, process
from bench.short import AT_ONCE, ROUNDS, STEADY
from bench.sides import Side, SlackStage, side, take_in_turn
from core.store import open_store
from tests.support import postgres

PROCESSES = (1, 2, 4)
THREADS, QUESTIONS = 50, 200
MESSAGES_OF = 100  # each thread of the large database
LARGE = 100_000  # threads
ASKED = 60  # questions to the large database, and to the empty one
GOAL = 1.2
PASSED_ON = 60  # questions that a process without a place is told of
HELD = 600.0  # seconds that Claude takes over the question which has that place
SOON = 20.0  # milliseconds from such an event to the first byte of the request, at another process
WHERE = "workspace, channel, thread"


async def replicas(folder: Path, questions: int = QUESTIONS) -> list[Figure]:
    """The "limit" is one process. Slack, Claude and the database's server run on the same machine, beside all of them."""
    found = [await _ask_all(_make_folder(folder, str(count)), count, questions) for count in PROCESSES]
    rows = ("answers a second", ""), ("processor time a question", "ms"), ("the database's own", "ms")
    figures = [
        Figure("scale", f"slack, {count} processes, PostgreSQL", measure, unit, found[0][which], now[which])
        for count, now in zip(PROCESSES[1:], found[1:], strict=True)
        for which, (measure, unit) in enumerate(rows)
    ]
    asked = min(PASSED_ON, questions)
    passed = [await _pass_on(_make_folder(folder, f"passed on {number}"), asked) for number in range(ROUNDS)]
    return [*figures, *combine(passed)]


async def _pass_on(folder: Path, questions: int) -> list[Figure]:
    """Questions of a process that has no place left, which another answers: until Claude has the other's request."""
    full = {"CONFAB_SLOTS": "1"}
    async with _run_replicas(folder, 2, full) as (first, _):
        assert isinstance(first.stage, SlackStage)
        first.questions.speech = AT_ONCE
        first.stage.tell_only(1)
        await first.warm(1)
        first.stage.tell_only(0)
        first.questions.speech = Speech(first=HELD)
        thread = await first.stage.thread(0)
        held = first.open[thread] = first.questions.new()
        await first.stage.ask(thread, held.name)
        async with asyncio.timeout(LONGEST):
            await held.arrived.wait()
        first.questions.speech = AT_ONCE
        taken = []
        for _ in range(questions):
            asked = await first.ask(await first.stage.thread(0))
            taken.append(1000 * (asked.requested - asked.asked))
    case = "slack, 2 processes, PostgreSQL, the one that is told has no place"
    return [Figure("scale", case, "question to request", "ms", None, at(taken, 0.5), SOON)]


async def _ask_all(folder: Path, count: int, questions: int) -> tuple[float, float, float]:
    """Answers a second, and milliseconds of the processor a question, of Confab and of the database's server."""
    async with _run_replicas(folder, count) as (first, processes):
        first.questions.speech = STEADY
        await first.warm(1)
        places = [await first.stage.thread(0) for _ in range(min(THREADS, questions))]
        began, used, server = time.perf_counter(), sum(one.cpu() for one in processes), _find_server_time()

        async def talk(thread: str) -> None:
            for _ in range(questions // len(places)):
                await first.ask(thread)

        await asyncio.gather(*(talk(thread) for thread in places))
        seconds = time.perf_counter() - began
        used, server = sum(one.cpu() for one in processes) - used, _find_server_time() - server
        return questions / seconds, 1000 * used / questions, 1000 * server / questions


@asynccontextmanager
async def _run_replicas(
    folder: Path, count: int, of_first: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[tuple[Side, list[Process]]]:
    """So many processes on one database and one workspace; Slack gives each event to one of them.

    The first has the settings `of_first` besides.
    """
    url = postgres.create_database()
    try:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(side("slack", "confab", folder, {"DATABASE_URL": url, **of_first}))
            settings = {name: value for name, value in first.settings.items() if name not in of_first}
            processes = [first.process]
            for number in range(1, count):
                place = _make_folder(folder, str(number))
                processes.append(await stack.enter_async_context(process(OURS, settings, place)))
            await first.stage.connected(count)
            yield first, processes
    finally:
        postgres.drop_database(url)


def _find_server_time() -> float:
    """Seconds of the processor that PostgreSQL used so far, with connections that have ended."""
    with psycopg.connect(postgres.server()) as connection:
        (number,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        first = psutil.Process(number).parent()
        assert first
        times = [first.cpu_times(), *(one.cpu_times() for one in first.children())]
        return sum(one.user + one.system for one in times) + times[0].children_user + times[0].children_system


async def grow(folder: Path, threads: int = LARGE, questions: int = ASKED) -> list[Figure]:
    """Confab on a large database of PostgreSQL beside Confab on an empty one, question by question in turn."""
    urls = [postgres.create_database() for _ in range(2)]
    try:
        await (await open_store(urls[1])).shut()
        await asyncio.to_thread(_fill, urls[1], threads)
        async with AsyncExitStack() as stack:
            sides = []
            for name, url in zip(("empty", "full"), urls, strict=True):
                place = _make_folder(folder, name)
                sides.append(await stack.enter_async_context(side("slack", "confab", place, {"DATABASE_URL": url})))
            taken = await take_in_turn((sides[0], sides[1]), questions)
            started = [1000 * one.started for one in sides]
        sizes = [_measure_size(url) for url in urls]
    finally:
        for url in urls:
            postgres.drop_database(url)
    case = f"PostgreSQL, {threads * MESSAGES_OF:,} messages in {threads:,} threads"
    rows = (
        ("a question, p50", "ms", [at(one, 0.5) for one in taken], GOAL),
        ("a question, p99", "ms", [at(one, 0.99) for one in taken], None),
        ("start", "ms", started, None),
        ("database", "MB", sizes, None),
    )
    return [Figure("large", case, name, unit, *values, goal) for name, unit, values, goal in rows]


def _make_folder(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    return place


def _fill(url: str, threads: int) -> None:
    """The same rows as in a full database of SQLite."""
    with psycopg.connect(url) as db, db.cursor() as cursor:
        cursor.execute("INSERT INTO workspaces (workspace, gap) VALUES ('slack:T024', 0)")
        with cursor.copy(f"COPY threads ({WHERE}, begun_at, read_gap) FROM STDIN") as copy:
            for row in growth.list_threads(threads):
                copy.write_row((*row, 0))
        with cursor.copy(f"COPY messages ({WHERE}, message, author, text, at) FROM STDIN") as copy:
            for thread in range(threads):
                for row in growth.list_messages(thread, MESSAGES_OF):
                    copy.write_row(row)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("VACUUM ANALYZE threads, messages")


def _measure_size(url: str) -> float:
    """MB of all tables and indexes."""
    with psycopg.connect(url) as db:
        found = db.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        ).fetchone()
        return float(found[0]) / 1e6 if found else 0.0
