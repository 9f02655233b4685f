"""A database that can't be used for a while: nothing is acknowledged that is not kept, and all is answered later."""

import asyncio
import contextlib
import resource
import sqlite3
from contextlib import asynccontextmanager, closing, contextmanager

import psycopg
import pytest

from core.domain.errors import StoreUnavailable
from core.store import open_store
from tests.fakes.claude.script import Answer, Gate
from tests.support import postgres
from tests.support.deployment import running, world
from tests.support.house import house
from tests.support.waiting import until

PLATFORMS = ("slack", "discord")


async def begin_answers(everything):
    """An answer on each platform that has begun, and the gate at which it stands."""
    gates = [Gate(after=4) for _ in PLATFORMS]
    for platform, gate in zip(PLATFORMS, gates, strict=True):
        await everything.ask(platform, gate)
        await gate.reached.wait()
    return gates


async def see_all_answered_once(everything, process):
    with contextlib.suppress(TimeoutError):
        await until(lambda: not everything.unanswered(), 20)
    assert everything.unanswered() == {}

    assert everything.posts() == len(everything.asked)
    assert process.returncode is None
    assert "Traceback" not in everything.log


@contextmanager
def locked(path, process):
    """Another program writes, as long as this lasts."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.rollback()


@contextmanager
def full(path, process):
    """No file of the process may grow beyond what its write-ahead log has now."""
    size = path.with_name(f"{path.name}-wal").stat().st_size
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [(locked, "database is locked"), (full, "disk")],
    ids=["kept locked by a backup", "full"],
)
async def test_a_bot_whose_database_cannot_be_used_answers_everything_once_when_it_can(tmp_path, trouble, cause):
    async with world(tmp_path) as everything, running(everything) as process:
        gates = await begin_answers(everything)
        with trouble(tmp_path / "confab.db", process):
            for gate in gates:
                gate.opened.set()
            later = [await everything.ask(platform) for platform in PLATFORMS]
            await until(lambda: everything.log.count(cause) > 1)
            await until(lambda: any(one.attempt for one in everything.slack.outbox.deliveries))
            assert all(not everything.answers(one) for one in later)
        await see_all_answered_once(everything, process)


@contextmanager
def killed(server):
    """The server's machine has no power."""
    server.kill()
    yield
    server.start()


@contextmanager
def without_tables(server):
    """Another, empty database is at the address."""
    swap = "ALTER SCHEMA public RENAME TO {}; ALTER SCHEMA {} RENAME TO public"
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA empty")
        admin.execute(swap.format("kept", "empty"))
        yield
        admin.execute(swap.format("empty", "kept"))


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [(killed, "cannot be reached"), (without_tables, "its tables are gone")],
    ids=["killed", "replaced by an empty one"],
)
async def test_a_bot_whose_server_is_gone_lives_on_and_answers_everything_once_when_it_is_back(
    tmp_path, trouble, cause
):
    with postgres.started() as server:
        async with world(tmp_path) as everything, running(everything, server.url) as process:
            gates = await begin_answers(everything)
            with trouble(server):
                later = [await everything.ask(platform) for platform in PLATFORMS]
                await until(lambda: everything.log.count(f"{cause} (") + everything.log.count(f"{cause};") > 1, 20)
                await until(lambda: any(one.attempt for one in everything.slack.outbox.deliveries))
                assert all(not everything.answers(one) for one in later)
            for gate in gates:
                gate.opened.set()
            await see_all_answered_once(everything, process)


# The house alone, on a board


@asynccontextmanager
async def pragma(store, spoil, mend):
    """The database refuses to write while this lasts; it may still be read."""
    connection = store.questions._engine
    await connection._run(lambda: connection._db.execute(spoil))
    yield
    await connection._run(lambda: connection._db.execute(mend))


@pytest.mark.parametrize("resumed", [False, True], ids=["by the same process", "by the next process"])
@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000"),
    ],
    ids=["read-only", "full"],
)
async def test_what_was_under_way_is_finished_once_the_database_takes_it(
    tmp_path, board, claude, spoil, mend, resumed, caplog
):
    store = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=board.now)
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four " * 999, chunk=4000, gate=gate))
    async with house(store, claude, board, process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "count"))
        await gate.reached.wait()
        async with pragma(store, spoil, mend):
            gate.opened.set()
            event = board.said("t2", "U1", "x" * 30_000)
            with pytest.raises(StoreUnavailable):
                await assistant.ingest(event)
            async with asyncio.timeout(30):
                while "waits for the database" not in caplog.text:
                    await asyncio.sleep(0.005)
        if not resumed:
            await assistant.ingest(event)
            await closed(store)
    async with house(store, claude, board, process="second") as assistant:
        await assistant.ingest(event)
        await closed(store)
    await store.shut()

    assert [len(board.shown("t1")), board.shown("t2")] == [1, ["fine"]]
    assert board.shown("t1")[0] in {"fine", "one two three four " * 999}
    assert "could not be answered" not in caplog.text


async def closed(store) -> None:
    async with asyncio.timeout(20):
        while (await store.questions.count_open())[0]:
            await asyncio.sleep(0.01)
