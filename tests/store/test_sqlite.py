"""The SQLite store itself: opening, units of work, trouble with the file, and what is left in it.

Tests core.store.sqlite.transaction.
"""

import asyncio
import itertools
import json
import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest
from sqlite_utils import Database, Migrations

from core.billing.usage import Scope
from core.domain.errors import StoreUnavailable, StoreUnusable
from core.domain.messages import FinalText as Final
from core.domain.messages import History, Outcome
from core.store.sqlite import open_store
from core.store.sqlite.connection import DatabaseThread
from core.store.sqlite.unit_of_work import Unit
from core.store.sqlite.vacuum import sweep as sweeping
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, edited, message, said, thread

SOON = timedelta(milliseconds=50)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "confab.db"


@pytest.fixture
async def connection(path):
    connection = DatabaseThread(str(path), SOON)
    await connection.open()
    yield connection
    await connection.shut()


@pytest.fixture
async def kept(path, clock):
    store = await open_store(f"sqlite:///{path}", clock=clock)
    yield store
    await store.shut()


def put(name):
    def work(db) -> None:
        db.table("notes").insert({"name": name, "value": "x"})

    return work


def notes(db):
    return [row["name"] for row in db.table("notes").rows]


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
    def settings(db):
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        return {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in names}

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


@pytest.mark.parametrize("url", ["postgres://host/db", "sqlite:confab.db", "sqlite://confab.db", "confab.db", ""])
async def test_another_address_is_refused_with_an_example(url):
    with pytest.raises(StoreUnusable, match=r"write sqlite:///confab\.db"):
        await open_store(url)


async def test_what_was_kept_is_there_after_opening_again(path):
    for _ in range(3):
        store = await open_store(f"sqlite:///{path}")
        heard = await store.questions.ingest(asked("1"))
        await store.shut()

    assert not heard.new


# Units of work


async def test_a_unit_that_fails_leaves_nothing(connection):
    def half_done(db):
        put("a")(db)
        with db.atomic():
            put("b")(db)
        raise KeyError("c")

    with pytest.raises(KeyError):
        await connection.unit(half_done)

    assert await connection.unit(notes) == []


async def test_an_inner_block_that_fails_takes_only_itself_back(connection):
    def work(db):
        put("a")(db)
        with pytest.raises(KeyError), db.atomic():
            put("b")(db)
            raise KeyError

    await connection.unit(work)

    assert await connection.unit(notes) == ["a"]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_unit_whose_caller_is_cancelled_ends_whole(connection, fails):
    began, go = threading.Event(), threading.Event()

    def slow(db):
        put("a")(db)
        began.set()
        go.wait(5)
        put("a" if fails else "b")(db)

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
        lambda db: db.conn.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
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

    def fails(db):
        put("b")(db)
        raise KeyError("b")

    told = await asyncio.gather(
        connection.unit(put("a")), connection.unit(fails), connection.unit(put("c")), return_exceptions=True
    )

    assert [repr(one) for one in told] == ["None", "KeyError('b')", "None"]
    assert committed == ["COMMIT"]
    assert await connection.unit(notes) == ["a", "c"]


async def test_none_of_several_units_happened_when_their_transaction_cannot_end(connection):
    def ends(db):
        db.rollback()
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    units = [connection.unit(put("a")), connection.unit(ends), connection.unit(put("c"))]
    told = await asyncio.gather(*units, return_exceptions=True)

    assert [type(one) for one in told[:2]] == [StoreUnavailable] * 2
    assert await connection.unit(notes) == (["c"] if told[2] is None else [])


async def test_who_comes_after_a_slow_unit_does_not_wait_for_what_comes_after_that(connection):
    committed = await commits(connection)

    await asyncio.gather(connection.unit(lambda db: time.sleep(0.02)), connection.unit(put("a")))

    assert committed == ["COMMIT"] * 2


async def test_what_waits_is_done_before_the_database_is_shut(path):
    connection = DatabaseThread(str(path))
    await connection.open()
    waiting = [asyncio.ensure_future(connection.unit(put(name))) for name in "abc"]
    await asyncio.sleep(0)
    await connection.shut()

    assert [await one for one in waiting] == [None] * 3
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (3,)


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
        await connection.unit(lambda db: db.execute("SELECT * FROM nowhere"))
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

    def much(db):
        for name in range(100):
            db.table("notes").insert({"name": str(name), "value": "x" * 5000})

    with pytest.raises(StoreUnavailable, match=cause):
        await connection.unit(much)

    await connection._run(lambda: connection._db.execute(mend))
    assert await connection.unit(notes) == []
    await connection.unit(put("a"))


async def test_a_reader_that_writes_later_is_not_caught_by_another_writer(path):
    first, second = DatabaseThread(str(path)), DatabaseThread(str(path))
    await first.open()
    await second.open()

    def count(db):
        (total,) = db.execute("SELECT count(*) FROM notes").fetchone()
        put(f"{total}")(db)

    await asyncio.gather(*(one.unit(count) for one in (first, second) for _ in range(50)))

    assert len(await first.unit(notes)) == 100
    await first.shut()
    await second.shut()


# What is left in the file


async def heartbeat(store):
    """A beat, and the sweep that begins with it."""
    await store.questions.heartbeat("p")
    await store.questions._connection.swept()


async def sweep(connection):
    connection.sweep_soon()
    await connection.swept()


def raw(path):
    return b"".join(name.read_bytes() for name in path.parent.glob(f"{path.name}*"))


def secret(number):
    """Words long enough to spill over pages, with one that occurs nowhere else."""
    return f"zebra{number:04} " + f"filler{number:04} " * 300


async def crowd(store, numbers):
    """A thread of many messages, some of them with secrets."""
    await store.questions.ingest(asked("0"))
    for number in range(1, 200):
        await store.questions.ingest(said(message(str(number), secret(number) if number in numbers else None)))
    held = await store.threads.thread(KEY)
    await store.threads.refresh(held, History(held.messages))


async def test_a_deleted_message_is_gone_from_the_file_after_a_beat(kept, path):
    await crowd(kept, {50, 60, 70})
    assert b"zebra0050" in raw(path)

    for number in (50, 60, 70):
        await kept.questions.ingest(deleted(str(number)))
    await heartbeat(kept)

    left = raw(path)
    assert [word for word in (b"zebra", b"filler") if word in left] == []
    assert b"words 51" in left


async def test_the_words_before_an_edit_are_gone_from_the_file_after_a_beat(kept, path):
    await crowd(kept, {50, 60, 70})

    for number in (50, 60, 70):
        await kept.questions.ingest(edited(str(number), f"now {number}", 900))
    await heartbeat(kept)

    left = raw(path)
    assert [word for word in (b"zebra", b"filler") if word in left] == []
    assert b"now 60" in left


@pytest.mark.parametrize("took_back", [edited("7", "now", 900), deleted("7")], ids=["edited", "deleted"])
async def test_an_address_that_held_what_was_taken_back_is_gone_from_the_file_after_a_beat(
    connection, kept, path, took_back
):
    await kept.questions.ingest(asked(message("7", "zebra"), address='{"title": "zebra"}'))
    claim = await kept.questions.claim_next("p", PLATFORMS)
    await kept.questions.ingest(took_back)
    await sweep(connection)

    await kept.questions.close(claim, Outcome.WITHDRAWN)
    await heartbeat(kept)

    assert b"zebra" not in raw(path)


async def test_what_was_forgotten_is_gone_from_the_file_soon_after(kept, path, clock):
    await crowd(kept, set(range(1, 200, 7)))
    claim = await kept.questions.claim_next("p", PLATFORMS)
    await kept.questions.store_final_text(claim, Final(secret(900)))
    await kept.questions.close(claim, Outcome.SHOWN)
    clock.tick(1000)

    await kept.threads.forget(Scope("slack:T1", "C1", "1"))
    await kept.threads._connection.swept()

    left = raw(path)
    assert [word for word in (b"zebra", b"filler", b"words 51") if word in left] == []


async def test_a_private_question_is_gone_from_the_file_after_a_beat(kept, path):
    await crowd(kept, set())
    await kept.questions.ingest(asked(message("300", secret(1)), private=True, address='{"token": "zebra"}'))
    await kept.questions.ingest(commanded("i1", "persona set " + secret(2), private=True, values={"text": secret(3)}))
    for _ in range(3):
        claim = await kept.questions.claim_next("p", PLATFORMS)
        await kept.questions.record_page(claim, "400", at(400))
        await kept.questions.store_final_text(claim, Final(secret(4) if claim.question.private else "public"))
        await kept.questions.close(claim, Outcome.SHOWN)
    assert b"zebra" in raw(path)

    await heartbeat(kept)

    left = raw(path)
    assert [word for word in (b"zebra", b"filler") if word in left] == []


async def test_rows_that_grew_and_moved_leave_no_copy_behind(kept, path):
    """SQLite's secure_delete alone does not see to that."""
    order = random.Random(3)
    for number in range(120):
        await kept.questions.ingest(asked(str(number), thread(str(number)), private=order.random() < 0.5))
    claims = [await kept.questions.claim_next("p", PLATFORMS) for _ in range(120)]
    order.shuffle(claims)
    for claim in claims:
        word = "zebra" if claim.question.private else "horse"
        await kept.questions.store_final_text(claim, Final(f"{word} " * order.choice([1, 3, 10, 30, 300])))
    order.shuffle(claims)
    for claim in claims:
        await kept.questions.close(claim, Outcome.SHOWN)

    await heartbeat(kept)

    left = raw(path)
    assert (b"zebra" in left, b"horse" in left) == (False, True)


async def test_what_a_reader_holds_back_is_swept_later(connection, kept, path):
    await crowd(kept, {50})
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM messages").fetchone()
        await kept.questions.ingest(deleted("50"))
        await heartbeat(kept)
        assert b"zebra" in raw(path)
        reader.rollback()

    await sweep(connection)
    assert b"zebra" not in raw(path)


ERASURE = {"workspace": "w", "at": "x"}


def erase(db) -> None:
    db.table("erasures").insert(ERASURE)


def erasures(db) -> int:
    return db.table("erasures").count


async def test_sweeping_takes_a_small_part_of_the_time(connection):
    await connection.unit(erase)
    await sweep(connection)
    assert await connection.unit(erasures) == 0
    await connection.unit(erase)

    await sweep(connection)

    assert await connection.unit(erasures) == 1


def traced(connection):
    """The statements that SQLite carries out from now on."""
    statements: list[str] = []
    connection._db.conn.set_trace_callback(statements.append)
    return statements


async def test_forgetting_where_nothing_is_kept_sweeps_nothing(kept, path, clock):
    await crowd(kept, {50})
    statements = await kept.threads._connection._run(lambda: traced(kept.threads._connection))

    for number in range(40):
        command = commanded(f"i{number}", "forget", thread("nothing"), when=at(2000 + number))
        await kept.questions.ingest(command)
        claim = await kept.questions.claim_next("p", PLATFORMS)
        while claim and claim.question.command is None:
            claim = await kept.questions.claim_next("p", PLATFORMS)
        assert await kept.threads.forget(Scope("slack:T1", "C1", "nothing")) == 0
        await kept.questions.store_final_text(claim, Final("Confab keeps nothing of this thread.", notice=True))
        await kept.questions.close(claim, Outcome.REFUSED)
        await heartbeat(kept)

    assert [one for one in statements if "VACUUM" in one] == []
    assert await kept.threads._connection.unit(lambda db: db.table("forgotten").count) == 1


async def test_many_things_forgotten_at_once_are_one_sweep(kept, path, clock):
    await crowd(kept, {50})
    for number in range(300, 340):
        await kept.questions.ingest(asked(str(number), thread(str(number))))
    clock.tick(1000)
    statements = await kept.threads._connection._run(lambda: traced(kept.threads._connection))

    counts = await asyncio.gather(
        *(kept.threads.forget(Scope("slack:T1", "C1", str(number))) for number in range(300, 340))
    )
    await kept.threads._connection.swept()

    assert counts == [1] * 40
    assert sum("VACUUM" in one for one in statements) == 1


@pytest.mark.parametrize(("looks", "left"), [(1, 1), (3, 1), (10**9, 0)], ids=["before", "amid", "never"])
async def test_a_sweep_is_given_up_as_soon_as_somebody_waits(connection, looks, left):
    """While SQLite rewrites so many notes, it looks often whether somebody waits."""
    await connection.unit(
        lambda db: db.table("notes").insert_all({"name": f"{n}", "value": "x"} for n in range(50_000))
    )
    await connection.unit(erase)
    looking = itertools.count(1)

    await connection._run(lambda: list(sweeping(connection._db, SOON, lambda: next(looking) >= looks)))

    assert await connection.unit(erasures) == left
    assert await connection.unit(lambda db: db.table("notes").count) == 50_000


async def test_a_sweep_that_is_overdue_gives_way_no_more():
    waiting = Unit(lambda db: None, asyncio.get_running_loop().create_future())
    found = []
    for overdue in (600.0, 0.0):
        connection = DatabaseThread(":memory:", overdue=overdue)
        found.append(connection._disturbed())
        connection._waiting.append(waiting)
        found.append(connection._disturbed())
        connection._waiting.clear()
        await connection.shut()

    assert found == [False, True, False, False]


# How it reads


async def test_addresses_and_values_are_wiped_when_a_question_closes(kept, path):
    await kept.questions.ingest(asked("1", address='{"token": "t"}'))
    await kept.questions.ingest(commanded("i1", values={"a": "b"}, address='{"token": "u"}'))
    for _ in range(2):
        claim = await kept.questions.claim_next("p", PLATFORMS)
        await kept.questions.record_page(claim, "5", at(5))
        await kept.questions.close(claim, Outcome.SHOWN)

    with Database(path) as db:
        rows = list(db.query("SELECT address, options, outcome, claim FROM questions"))
        assert rows == [{"address": "{}", "options": "{}", "outcome": "shown", "claim": None}] * 2
        assert (db.table("claims").count, db.table("pages").count) == (0, 0)


async def test_moments_are_utc_text_that_sorts(kept, path):
    for seconds in (1, 1.5, 1.000001, -1):
        await kept.questions.ingest(asked(message(f"m{seconds}", seconds=seconds)))

    with Database(path) as db:
        assert [row["at"] for row in db.table("messages").rows_where(order_by="at")] == [
            "2026-11-20T11:59:59.000000+00:00",
            "2026-11-20T12:00:01.000000+00:00",
            "2026-11-20T12:00:01.000001+00:00",
            "2026-11-20T12:00:01.500000+00:00",
        ]


async def test_tables_are_strict_and_every_row_names_its_workspace(kept, path):
    with Database(path) as db:
        ours = [table for table in db.tables if not table.name.startswith(("_", "messages_fts"))]
        assert [table.name for table in ours if not table.strict] == []
        without = {table.name for table in ours if "workspace" not in table.columns_dict}
        assert without == {"processes", "notes"}
        assert db.table("messages").detect_fts() == "messages_fts"


def test_the_command_line_tool_counts_the_tables(path):
    script = (
        f"import asyncio; from core.store.sqlite import open_store; s = asyncio.run(open_store('sqlite:///{path}'))"
    )
    subprocess.run([sys.executable, "-c", script + "; asyncio.run(s.shut())"], check=True)

    shown = subprocess.run(
        [sys.executable, "-m", "sqlite_utils", "tables", path, "--counts"], check=True, capture_output=True, text=True
    )

    counts = {row["table"]: row["count"] for row in json.loads(shown.stdout)}
    assert counts.items() >= {"threads": 0, "messages": 0, "questions": 0, "requests": 0, "personas": 0}.items()


async def test_no_query_reads_through_a_whole_table(clock):
    """Every statement of a day's work is explained by SQLite itself."""
    asked_of: dict[str, object] = {}
    connection = DatabaseThread(":memory:")
    await connection.open()
    await connection._run(lambda: setattr(connection._db, "_tracer", asked_of.__setitem__))
    await a_day(connection, clock)

    def scans(db):
        db._tracer = None
        for sql, values in asked_of.items():
            if sql.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")):
                for row in db.conn.execute(f"EXPLAIN QUERY PLAN {sql}", values or ()):
                    yield row[3], sql

    big = ("messages", "questions", "requests", "pages", "told", "threads")
    found = await connection.unit(lambda db: [(plan, sql) for plan, sql in scans(db)])
    await connection.shut()
    whole = [(plan, sql) for plan, sql in found if plan.split(" USING ")[0] in [f"SCAN {name}" for name in big]]
    assert [one for one in whole if not one[0].endswith(("questions_open", "questions_claimed"))] == []
    assert len(asked_of) > 60


async def a_day(connection, clock):
    from core.billing.usage import PlannedRequest, Settlement
    from core.domain.personas import Persona, Place
    from core.domain.usage import Usage
    from core.store.protocols import SpeakerNames
    from core.store.rules.ledger import SqliteLedger
    from core.store.rules.personas import SqlitePersonas
    from core.store.rules.questions import SqliteQuestions
    from core.store.rules.threads import SqliteThreads

    questions, threads = SqliteQuestions(connection, clock, timedelta(seconds=10)), SqliteThreads(connection, clock)
    ledger, personas = SqliteLedger(connection), SqlitePersonas(connection)
    for event in (asked("1"), asked(message("2", parent="1")), edited("1", "x", 2), commanded("i1"), said("3")):
        await questions.ingest(event)
    for _ in range(2):
        claim = await questions.claim_next("p", PLATFORMS)
        await questions.record_page(claim, "5", at(5))
        await questions.store_final_text(claim, Final("x"))
        reservation = await ledger.reserve(PlannedRequest(KEY, "1", "U1", "m", 0, 1, 1, at(1)), [])
        await ledger.settle(reservation, Settlement(Usage(), "end_turn", at(2)))
        await questions.heartbeat("p")
        await questions.close(claim, Outcome.SHOWN)
    await questions.ingest(asked("7", thread("7"), private=True))
    await questions.claim_next("p", PLATFORMS)
    clock.tick(20)
    await questions.close(await questions.claim_next("q", PLATFORMS), Outcome.SHOWN)
    await threads.remember_names(KEY, SpeakerNames({"U1": "Ann"}, {"F": "f"}))
    await threads.refresh(await threads.thread(KEY, "2"), History((message("1"), message("9"))))
    await threads.thread(KEY)
    await threads.gap("slack")
    await threads.gap("slack", ["slack:T1"])
    await threads.search("slack:T1", "C1", "words")
    await questions.ingest(deleted("1"))
    await questions.withdraw(KEY)
    await questions.count_open()
    await ledger.spent(Scope("slack:T1", "C1", "1", "U1"), at(0), "day")
    await personas.change(Place("slack:T1"), Persona(), 0, "U1", at(0))
    await threads.forget(Scope("slack:T1", "C1", "1", "U1"))
