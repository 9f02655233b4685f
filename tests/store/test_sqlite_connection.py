"""SQLite as an engine: opening, units of work, and trouble with the file.

Tests core.store.sqlite.connection.

Tests core.store.sqlite, the engine's door.
"""

import asyncio
import os
import sqlite3
import stat
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest
from sqlite_utils import Database, Migrations

from core.domain.errors import StoreUnavailable, StoreUnusable
from core.store import open_store
from core.store.sqlite.connection import DatabaseThread
from core.store.sqlite.lease_clock import NOTE
from tests.support.talk import asked

SOON = timedelta(milliseconds=50)


def put(name):
    def work(sql) -> None:
        sql.execute("INSERT INTO notes (name, value) VALUES (:name, 'x')", {"name": name})

    return work


def notes(sql):
    """Those that tests put, without what each database has."""
    return [
        row["name"] for row in sql.many("SELECT name FROM notes WHERE name <> :clock ORDER BY name", {"clock": NOTE})
    ]


# Opening


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
async def test_a_memory_database_leaves_no_file(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = await open_store(url)
    await store.notes.put("a", "b")
    await store.shut()

    assert os.listdir(tmp_path) == []


async def test_a_relative_and_an_absolute_address_name_the_same_file(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    store = await open_store("sqlite:///confab.db")
    await store.notes.put("a", "b")
    await store.shut()

    again = await open_store(f"sqlite:///{path}")
    assert await again.notes.get("a") == "b"
    await again.shut()


async def test_a_new_database_and_its_log_are_its_owners_alone(kept, path):
    await kept.notes.put("a", "b")

    modes = {name.name: stat.S_IMODE(name.stat().st_mode) for name in path.parent.iterdir()}
    assert modes == {"confab.db": 0o600, "confab.db-wal": 0o600, "confab.db-shm": 0o600}


async def test_commits_last_keys_hold_and_what_is_deleted_is_overwritten(connection):
    def settings(sql):
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        return {name: sql.one(f"PRAGMA {name}", {})[name] for name in names}

    assert await connection.unit(settings) == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


def no_folder(path):
    return path / "missing" / "confab.db"


def a_folder(path):
    path.mkdir()
    return path


def another_file(path):
    path.write_text("Dear diary, " * 1000)
    return path


def damaged(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (b)")
        db.executemany("INSERT INTO a VALUES (?)", [("x" * 500,)] * 1000)
        db.commit()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 20_000)
    return path


def half(path):
    damaged(path)
    os.truncate(path, path.stat().st_size // 2 + 100)
    return path


def newer(path):
    migrations = Migrations("confab")
    migrations(name="from_the_future")(lambda db: None)
    with Database(path) as db:
        migrations.apply(db)
    return path


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        (no_folder, "see that its folder exists"),
        (a_folder, "see that its folder exists"),
        (another_file, "it is not a database; name another file"),
        (damaged, "it is damaged; restore a copy"),
        (half, "it is damaged; restore a copy"),
        (newer, r"a newer version wrote it \(from_the_future\); update"),
    ],
)
async def test_a_file_that_is_no_good_is_refused_with_its_name_and_a_mend(path, spoil, mend):
    spoiled, before = spoil(path), set(threading.enumerate())

    with pytest.raises(StoreUnusable, match=mend) as refused:
        await open_store(f"sqlite:///{spoiled}", busy=SOON)

    assert str(refused.value).startswith(f"The database {spoiled} cannot be used: ")
    assert set(threading.enumerate()) <= before


async def test_a_file_that_another_program_keeps_locked_is_refused(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnusable, match="another program keeps it locked; end that program"):
            await open_store(f"sqlite:///{path}", busy=SOON)
        other.rollback()

    await (await open_store(f"sqlite:///{path}")).shut()


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite:confab.db", "sqlite://confab.db", "confab.db", ""])
async def test_another_address_is_refused_with_an_example(url):
    with pytest.raises(StoreUnusable, match=r"write sqlite:///confab\.db"):
        await open_store(url)


async def test_what_was_kept_is_there_after_opening_again(path):
    for _ in range(3):
        store = await open_store(f"sqlite:///{path}")
        heard = await store.questions.ingest(asked("1"))
        await store.shut()

    assert not heard.new


async def test_a_database_that_was_closed_is_one_file(path):
    store = await open_store(f"sqlite:///{path}")
    await store.notes.put("a", "b")
    await store.shut()

    assert os.listdir(path.parent) == ["confab.db"]


# Units of work


async def test_a_unit_that_fails_leaves_nothing(connection):
    def half_done(sql):
        put("a")(sql)
        put("b")(sql)
        raise KeyError("c")

    with pytest.raises(KeyError):
        await connection.unit(half_done)

    assert await connection.unit(notes) == []


@pytest.mark.parametrize("fails", [False, True])
async def test_a_unit_whose_caller_is_cancelled_ends_whole(connection, fails):
    began, go = threading.Event(), threading.Event()

    def slow(sql):
        put("a")(sql)
        began.set()
        go.wait(5)
        put("a" if fails else "b")(sql)

    task = asyncio.create_task(connection.unit(slow))
    await asyncio.to_thread(began.wait)
    waiting = asyncio.create_task(connection.unit(put("never")))
    await asyncio.sleep(0)
    task.cancel()
    waiting.cancel()
    await asyncio.gather(task, waiting, return_exceptions=True)
    go.set()

    assert await connection.unit(notes) == ([] if fails else ["a", "b"])


async def commits(connection) -> list[str]:
    """A list that grows by what is committed from now on."""
    seen: list[str] = []
    await connection.unit(
        lambda sql: sql.db.conn.set_trace_callback(lambda text: seen.append(text) if text == "COMMIT" else None)
    )
    seen.clear()
    return seen


async def test_units_that_wait_together_are_committed_together(connection):
    committed = await commits(connection)

    await asyncio.gather(*(connection.unit(put(name)) for name in "abcde"))

    assert await connection.unit(notes) == ["a", "b", "c", "d", "e"]
    assert committed == ["COMMIT"] * 2


async def test_one_of_several_units_that_fails_takes_only_itself_back(connection):
    committed = await commits(connection)

    def fails(sql):
        put("b")(sql)
        raise KeyError("b")

    told = await asyncio.gather(
        connection.unit(put("a")), connection.unit(fails), connection.unit(put("c")), return_exceptions=True
    )

    assert [repr(one) for one in told] == ["None", "KeyError('b')", "None"]
    assert committed == ["COMMIT"]
    assert await connection.unit(notes) == ["a", "c"]


async def test_none_of_several_units_happened_when_their_transaction_cannot_end(connection):
    def ends(sql):
        sql.db.rollback()
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    units = [connection.unit(put("a")), connection.unit(ends), connection.unit(put("c"))]
    told = await asyncio.gather(*units, return_exceptions=True)

    assert [type(one) for one in told[:2]] == [StoreUnavailable] * 2
    assert await connection.unit(notes) == (["c"] if told[2] is None else [])


async def test_who_comes_after_a_slow_unit_does_not_wait_for_what_comes_after_that(connection):
    committed = await commits(connection)

    await asyncio.gather(connection.unit(lambda _: time.sleep(0.02)), connection.unit(put("a")))

    assert committed == ["COMMIT"] * 2


async def test_what_waits_is_done_before_the_database_is_shut(path):
    connection = DatabaseThread(str(path))
    await connection.open()
    waiting = [asyncio.ensure_future(connection.unit(put(name))) for name in "abc"]
    await asyncio.sleep(0)
    await connection.shut()

    assert [await one for one in waiting] == [None] * 3
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM notes WHERE name <> ?", (NOTE,)).fetchone() == (3,)


async def test_who_comes_after_the_database_was_shut_is_told_so(path):
    connection = DatabaseThread(str(path))
    await connection.open()
    await connection.shut()

    async with asyncio.timeout(5):
        for _ in range(2):
            with pytest.raises(RuntimeError, match="after shutdown"):
                await connection.unit(notes)


async def test_a_bug_is_not_taken_for_trouble_with_the_file(connection):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await connection.unit(lambda sql: sql.many("SELECT * FROM nowhere", {}))
    await connection.unit(put("a"))
    with pytest.raises(sqlite3.IntegrityError):
        await connection.unit(put("a"))


async def test_a_database_that_is_locked_is_unavailable_until_it_is_free(connection, path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            StoreUnavailable, match=rf"^The database {path} cannot be used just now: database is locked\.$"
        ):
            await connection.unit(put("a"))
        other.rollback()

    await connection.unit(put("b"))
    assert await connection.unit(notes) == ["b"]


@pytest.mark.parametrize(
    ("spoil", "mend", "cause"),
    [
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "database or disk is full"),
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF", "attempt to write a readonly database"),
    ],
    ids=["a full disk", "a file that cannot be written"],
)
async def test_trouble_with_the_disk_is_told_and_leaves_nothing_half_done(connection, spoil, mend, cause):
    await connection._run(lambda: connection._db.execute(spoil))

    def much(sql):
        for name in range(100):
            sql.execute("INSERT INTO notes VALUES (:name, :value)", {"name": str(name), "value": "x" * 5000})

    with pytest.raises(StoreUnavailable, match=cause):
        await connection.unit(much)

    await connection._run(lambda: connection._db.execute(mend))
    assert await connection.unit(notes) == []
    await connection.unit(put("a"))


async def test_a_reader_that_writes_later_is_not_caught_by_another_writer(path):
    first, second = DatabaseThread(str(path)), DatabaseThread(str(path))
    await first.open()
    await second.open()

    def count(sql):
        put(str(len(notes(sql))))(sql)

    await asyncio.gather(*(one.unit(count) for one in (first, second) for _ in range(50)))

    assert len(await first.unit(notes)) == 100
    await first.shut()
    await second.shut()


# Patience


class Transactions:
    """Counts the transactions of a connection that wrote, by their ends in its log."""

    def __init__(self, connection) -> None:
        self.count = 0
        self._connection = connection

    async def watch(self) -> None:
        def work(sql) -> None:
            sql.db.conn.set_trace_callback(self._note)

        await self._connection.unit(work)

    def _note(self, statement: str) -> None:
        self.count += statement == "COMMIT"


async def test_what_is_patient_comes_along_with_the_next_that_is_not_in_the_order_in_which_they_were_asked_for(
    connection,
):
    transactions = Transactions(connection)
    await transactions.watch()
    before = transactions.count

    patient = [asyncio.create_task(connection.unit(put(name), patient=True)) for name in ("a", "b")]
    await asyncio.sleep(0)
    seen = await connection.unit(notes)
    await asyncio.gather(*patient)

    assert (seen, transactions.count - before) == (["a", "b"], 1)


async def test_what_is_patient_and_alone_is_done_soon(connection):
    await connection.unit(put("a"), patient=True)

    assert await connection.unit(notes) == ["a"]


async def test_what_is_patient_is_done_before_the_database_is_closed(path):
    connection = DatabaseThread(str(path), patience=60.0)
    await connection.open()
    last = asyncio.create_task(connection.unit(put("a"), patient=True))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await connection.shut()

    assert await last is None
