"""`confab migrate-database`: all that SQLite holds stands in PostgreSQL afterwards, or nothing starts there.

Tests core.store.transfer.move, core.store.transfer.mark, core.store.transfer.portable, core.store.sqlite.source,
core.store.postgres.target, core.store.postgres.guard, bots.ops.database_move.
"""

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet

from bots.ops.audit_log import verify_chain
from bots.ops.database_move import STOPPED, describe_move, list_findings, show_progress
from bots.ops.results import DATABASE
from bots.ops.sealing import Seal
from core.domain.clock import system_clock
from core.domain.controls import Control
from core.domain.errors import StoreUnavailable, StoreUnusable
from core.domain.events import Pressed
from core.domain.messages import Outcome, ThreadKey
from core.domain.personas import Persona, Place
from core.domain.tools import ToolCall
from core.store import backup, migrate_database, open_store
from core.store.audit_log import AuditHead, AuditKeys
from core.store.postgres.target import ensure_free, open_target
from core.store.records.installations import Installation
from core.store.records.schedules import NewSchedule
from core.store.sql_port import Unfit, stamp
from core.store.transfer.mark import ensure_markable
from core.store.transfer.move import DONE, Progress
from core.store.transfer.portable import Checksum, ColumnShape, Unportable, mend
from tests.fakes.claude.script import Gate
from tests.support import every_table, fork_server, postgres
from tests.support.databases import Database
from tests.support.deployment import running, world
from tests.support.doctor import chosen, findings
from tests.support.pseudo_terminal import run_in_window
from tests.support.talk import KEY, PLATFORMS, asked, at, message, thread
from tests.support.waiting import until

WITHOUT = {"_sqlite_migrations", "schema_migrations"}
SOON = timedelta(milliseconds=50)
SYS = Path("/sys")
NOBODY = 65534
COPYING = "SELECT tuples_processed FROM pg_stat_progress_copy WHERE relid::regclass::text LIKE '%messages' AND tuples_processed > 100"
CHECKING = (
    "SELECT 1 FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
    "WHERE mode = 'ShareRowExclusiveLock' AND relname = 'messages' AND granted AND relnamespace = current_schema()::regnamespace"
)
GUARDED = (
    "SELECT relname FROM pg_proc LEFT JOIN pg_trigger ON tgfoid = pg_proc.oid LEFT JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE proname = 'confab_moving' AND pronamespace = current_schema()::regnamespace"
)
"""The tables that have a guard; none of them has one where its function is gone."""
WAITING = (
    "SELECT 1 FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE mode = 'RowExclusiveLock' AND NOT granted "
    "AND relnamespace = current_schema()::regnamespace AND waitstart < clock_timestamp() - interval '0.2 s'"
)
"""A bot that would write has waited for so long that the server has looked for a deadlock already."""
MARKED = "SELECT 1 FROM schema_migrations WHERE name LIKE 'moving here%'"


class Interruption(Exception):
    """Where a test ends a move."""


@pytest.fixture
def target():
    """An empty database of PostgreSQL."""
    url = postgres.create_database()
    yield Database(url)
    postgres.drop_database(url)


@pytest.fixture
def source(tmp_path):
    """A database of SQLite in which every table has rows."""
    path = tmp_path / "confab.db"
    every_table.make(path)
    every_table.fill(path)
    return Database(f"sqlite:///{path}")


def move(source, target, told=None, **more):
    return migrate_database(source.url, target.url, ([] if told is None else told).append, busy=SOON, **more)


def refusal(source, target):
    with pytest.raises(StoreUnusable) as error:
        move(source, target)
    return str(error.value)


def plain(database):
    """All rows of all tables; 0 and 1 are no and yes."""
    return {name: sorted(map(repr, map(settle, rows))) for name, rows in database.tables() if name not in WITHOUT}


def settle(row):
    return {name: int(value) if isinstance(value, bool) else value for name, value in sorted(row.items())}


def files(path):
    """What stands in the folder; the index of a log is none of it, and an empty log is no file."""
    found = {one.name: one.read_bytes() for one in path.parent.iterdir() if not one.name.endswith("-shm")}
    return {name: content for name, content in found.items() if content}


def bot_of(tmp_path, words, **more):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(fork_server.ROOT)}
    return fork_server.start("migrate-database", *words, folder=tmp_path, environment=environment, **more)


# All of it


def test_every_table_is_carried_with_every_value_and_the_source_is_not_written(source, target):
    before, told = files(source.path), []
    moved = move(source, target, told)

    assert plain(target) == plain(source)
    assert set(moved.rows) == set(plain(source))
    assert min(moved.rows.values()) == 2
    assert (list(moved.mended), list(moved.foreign)) == ([], [])
    assert files(source.path).keys() - before.keys() == {"confab.db.moved"}
    assert before.items() <= files(source.path).items()
    assert (told[-1].done, told[-1].whole) == (3 * sum(moved.rows.values()),) * 2


def test_a_value_that_differs_in_the_target_is_seen_before_it_counts_as_whole(source, target):
    def change(statement):
        with psycopg.connect(target.url, autocommit=True) as connection:
            connection.execute(statement)

    trigger = """
    CREATE FUNCTION spoil() RETURNS trigger AS $$ BEGIN NEW.text := NEW.text || '!'; RETURN NEW; END $$ LANGUAGE plpgsql;
    CREATE TRIGGER spoils BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION spoil()
    """
    with pytest.raises(Interruption):
        migrate_database(source.url, target.url, interrupt_at("copying"), busy=SOON)
    change(trigger)

    assert "the table messages has 2 rows after it was copied, and not the 2 that were read" in refusal(source, target)
    assert "not all of" in start_on(target)


def interrupt_at(phase):
    def report(progress):
        if progress.phase == phase:
            raise Interruption

    return report


def start_on(database, busy=SOON):
    """What a bot is told that starts there; nothing, if it may."""

    async def start():
        try:
            await (await open_store(database.url, busy=busy)).shut()
        except StoreUnusable as error:
            return str(error)
        return ""

    return asyncio.run(start())


async def test_numbers_go_on_after_the_highest_one(source, target):
    move(source, target)
    with psycopg.connect(target.url, autocommit=True) as connection:
        asked = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'"
        sequences = [name for (name,) in connection.execute(asked)]
        given = {name: connection.execute(f"SELECT nextval('{name}')").fetchone()[0] for name in sequences}

    assert set(given.values()) == {3}
    assert len(given) > 10


async def leave_work(store, seal):
    """A question that is open, one that waits for its asker, a schedule, a sealed token, and an audit log of these."""
    await store.questions.ingest(asked("1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "2", at(2))
    await store.calls.begin(claim, [ToolCall("toolu_1", "make", {})], {"make"}, [])
    await store.questions.park(claim, "1", 1)
    await store.schedules.add(
        NewSchedule(
            ThreadKey("slack:T1", "C1", ""), "k1", "U1", "1 * * * *", "UTC", "usage", prompt=False, due_at=at(60)
        )
    )
    await store.installations.install(Installation("slack:T1", "{}", seal.close("xoxb-token"), "U1", at(0)))
    await store.personas.change(Place("slack:T1", "C1"), Persona("Be brief."), 0, "U1", at(1))
    await store.questions.ingest(asked(message("31"), thread("31")))
    await store.questions.claim_next("p", PLATFORMS)


async def test_what_waits_in_sqlite_is_done_on_postgresql(tmp_path, target, clock):
    secret = Fernet.generate_key().decode()
    keys, seal = AuditKeys([bytes(32)]), Seal([secret], "installations")
    source = Database(f"sqlite:///{tmp_path}/confab.db")
    store = await open_store(source.url, keys=keys, clock=clock)
    await leave_work(store, seal)
    await store.shut()
    moved = await asyncio.to_thread(move, source, target)
    clock.tick(60)
    store = await open_store(target.url, keys=keys, clock=clock)
    await store.questions.heartbeat("q")
    found = await store.questions.claim_next("q", PLATFORMS)
    await store.questions.close(found, Outcome.SHOWN)
    pressed = await store.questions.ingest(Pressed("p1", KEY, "U1", Control.ALLOW, "1#1", at(50), "{}"))
    woken = await store.questions.claim_next("q", PLATFORMS)
    due = await store.schedules.list_due({"slack"}, 5)
    token = seal.open((await store.installations.find("slack:T1")).sealed)
    chain = await verify_chain(store.audit, "slack:T1")
    asked_anew = await store.questions.ingest(asked(message("41"), thread("41")))
    await store.shut()

    assert (found.question.name, found.resumed) == ("31", True)
    assert (pressed.new, woken.question.name) == (True, "1")
    assert [one.number for one in due.schedules] == [1]
    assert (token, chain, moved.rows["audit"]) == ("xoxb-token", AuditHead("slack:T1", 4, chain.mac), 3)
    assert asked_anew.question


async def test_a_question_that_a_killed_bot_left_in_sqlite_is_answered_once_on_postgresql(tmp_path, target):
    gate = Gate()
    async with world(tmp_path) as everything:
        async with running(everything) as bot:
            await everything.ask("slack")
            await until(lambda: not everything.unanswered(), 30)
            await everything.ask("slack", gate)
            await gate.reached.wait()
            bot.kill()
            await bot.wait()
        source = Database(f"sqlite:///{tmp_path}/confab.db")
        left = files(source.path)
        refused = await asyncio.to_thread(refusal, source, target)
        kept = files(source.path)
        source.change("DELETE FROM processes")  # ten seconds later
        await asyncio.to_thread(move, source, target)
        gate.opened.set()
        async with running(everything, target.url):
            await until(lambda: not everything.unanswered(), 60)
        posts = everything.posts()

    assert "a process of Confab uses it" in refused
    assert (kept, posts) == (left, 2)
    assert "confab.db-wal" in left


# Values that PostgreSQL refuses


def spoil(source, *statements):
    with closing(sqlite3.connect(source.path)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_what_can_be_mended_is_mended_and_told_with_its_table_and_key(source, target):
    spoil(
        source,
        "UPDATE messages SET text = 'a' || char(0) || 'b' WHERE id = 1",
        "UPDATE messages SET text = CAST(X'61FF62' AS TEXT) WHERE id = 2",
        "UPDATE knowledge SET content = CAST(X'EDA0BDEDB88A' AS TEXT) WHERE id = 1",
        "UPDATE knowledge SET content = CAST(X'EDA0BD' AS TEXT) WHERE id = 2",
        "UPDATE questions SET alone = 7 WHERE id = 1",
    )
    moved = move(source, target)

    assert target.rows("SELECT text FROM messages ORDER BY id") == [("ab",), ("a\ufffdb",)]
    assert target.rows("SELECT content FROM knowledge ORDER BY id") == [("😊",), ("\ufffd",)]
    assert sorted(list_findings(moved)) == [
        "Mended: knowledge (id 1): content had halves of characters, which were joined, or became U+FFFD where one stood alone.",
        "Mended: knowledge (id 2): content had halves of characters, which were joined, or became U+FFFD where one stood alone.",
        "Mended: messages (id 1): text had NUL characters, which were left out.",
        "Mended: messages (id 2): text was no UTF-8; what cannot be read became U+FFFD.",
        "Mended: questions (id 1): alone was 7, and is true now.",
    ]


def test_what_would_be_lost_is_told_and_nothing_is_written(source, target):
    spoil(
        source,
        "UPDATE votes SET persona = 3000000000 WHERE id = 1",
        "DELETE FROM budgets WHERE id = 1",
    )
    told = refusal(source, target)

    assert re.findall(r"^- (.*?)\.?$", told, re.MULTILINE) == [
        "warnings (rowid 1): foreign key 0 names a row of budgets that is not there",
        "votes (id 1): persona holds a number of more than 32 bits",
    ]
    assert list(target.tables()) == []


def test_more_lost_values_than_are_named_are_counted(source, target):
    every_table.add_messages(source.path, 1_300)
    spoil(source, "DELETE FROM threads WHERE workspace = 'slack:T9'")
    first, *lines = refusal(source, target).splitlines()

    assert "1,300 values cannot be carried" in first
    assert (len(lines), lines[-1]) == (201, "- and 1,100 more.")


def test_more_mended_values_than_are_named_are_counted(source, target):
    every_table.add_messages(source.path, 300)
    spoil(source, "UPDATE messages SET text = char(0) WHERE message LIKE 'm0%'")
    moved = move(source, target)

    assert (len(moved.mended), [*list_findings(moved)][-1]) == (200, "Mended: 100 more values.")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO notes VALUES ('name 1' || char(0), 'x')", r"duplicate key .*notes_pkey.* \(COPY notes, line 3\)"),
        (f"UPDATE told SET subject = '{random.Random(7).randbytes(9_000).hex()}'", r"index row .* \(COPY told, line 1\)"),
    ],
    ids=["keys that become one", "a key too long for an index"],
)  # fmt: skip
def test_a_row_that_postgresql_takes_not_is_told_by_its_table_and_place(source, target, statement, told):
    if "told" in statement:
        spoil(source, "DELETE FROM told WHERE subject <> 'subject 1'")
    spoil(source, statement)

    assert re.search(told, refusal(source, target))
    assert "not all of" in start_on(target)


def test_what_somebody_else_made_is_left_out_and_told_however_broken_it_is(source, target):
    spoil(
        source,
        "ALTER TABLE messages ADD COLUMN own TEXT",
        "CREATE TABLE mine (a TEXT REFERENCES gone (a))",
        "INSERT INTO mine VALUES ('no such row')",
        "PRAGMA writable_schema = ON",
        "INSERT INTO sqlite_schema VALUES ('table', 'strange', 'strange', 0, 'CREATE VIRTUAL TABLE strange USING nobodys (a)')",
    )

    assert [*list_findings(move(source, target))] == [
        "Left out: the table mine, which is none of Confab's.",
        "Left out: the table strange, which is none of Confab's.",
        "Left out: the column messages.own, which is none of Confab's.",
    ]


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("ALTER TABLE notes DROP COLUMN value", "the column notes.value"),  # SQLite reads "value" as a word then
        ("DROP TABLE votes", "the table votes"),
    ],
)
def test_a_database_that_lacks_a_table_or_a_column_of_ours_is_refused(source, target, statement, missing):
    spoil(source, statement)

    assert f"{source.path} lacks {missing}, which belongs here; restore a copy" in refusal(source, target)
    assert list(target.tables()) == []


BOOLEAN, INTEGER, REAL, TEXT = (
    ColumnShape("c", kind, required=True) for kind in ("boolean", "integer", "real", "text")
)


@pytest.mark.parametrize(
    ("column", "value", "mended"),
    [
        (INTEGER, b"12", 12), (INTEGER, 3.0, 3), (REAL, b"1.5", 1.5), (REAL, 2, 2.0), (TEXT, 5, "5"), (BOOLEAN, 1, True),
        (BOOLEAN, -1, True), (TEXT, b"\xed\xa0\x80\x00", "\ufffd"), (INTEGER, 2**63 - 1, 2**63 - 1),
    ],
)  # fmt: skip
def test_a_value_of_another_type_becomes_one_of_its_column_where_nothing_is_lost(column, value, mended):
    assert mend(column, value)[0] == mended
    assert type(mend(column, value)[0]) is type(mended)


@pytest.mark.parametrize(
    ("column", "value"),
    [(INTEGER, b"many"), (INTEGER, 1.5), (INTEGER, 2.0**63), (REAL, b"x"), (BOOLEAN, b"yes"), (TEXT, None), (INTEGER, None)],
)  # fmt: skip
def test_a_value_of_which_nothing_can_be_made_is_no_value_at_all(column, value):
    with pytest.raises(Unportable):
        mend(column, value)


def sum_up(*rows):
    found = Checksum()
    for row in rows:
        found.add(row)
    return found


def test_checksums_differ_by_any_value_and_by_how_often_a_row_comes_and_not_by_order():
    one, two = (1, "a", None, 0.1), (2, "b", True, -0.0)

    assert sum_up(one, two) == sum_up(two, one)
    others = [
        (one,),
        (one, two, two),
        (one, one),
        (one, (2, "b", True, 0.0)),
        (one, (2, "b", 1, -0.0)),
        ((1, "a", "None", 0.1), two),
    ]
    assert sum_up(one, two) not in [sum_up(*rows) for rows in others]


# FROM is marked


def mark_of(source):
    return source.path.with_name("confab.db.moved")


async def test_a_bot_that_waits_for_the_source_while_it_moves_is_refused_and_whatever_else_starts_there(source, target):
    """Each with exit code 2 and what mends it; taken away, the mark lets it start there after all."""
    waiting = []
    with suppress(PermissionError):
        os.chown(source.path, NOBODY, NOBODY)

    def start_beside(progress):
        if progress.phase == "checking" and not waiting:
            waiting.append(loop.run_in_executor(None, start_on, source, timedelta(minutes=1)))
            while (
                sum(os.path.realpath(f"/proc/self/fd/{one}") == str(source.path) for one in os.listdir("/proc/self/fd"))
                < 3
            ):
                os.sched_yield()  # until it has opened the file

    loop = asyncio.get_running_loop()
    moved = await asyncio.to_thread(migrate_database, source.url, target.url, start_beside, busy=SOON)
    told = [await waiting[0], await asyncio.to_thread(start_on, source)]
    source.path.rename(source.path.with_name("elsewhere"))
    told.append(await asyncio.to_thread(start_on, source))
    made = source.path.exists()
    source.path.with_name("elsewhere").rename(source.path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(fork_server.ROOT), "DATABASE_URL": source.url}
    process = await fork_server.start(
        "chat", "hi", folder=source.path.parent, environment=environment, stderr=asyncio.subprocess.PIPE
    )
    _, chat = await process.communicate()
    mark = mark_of(source)
    kept = json.loads(mark.read_text())
    seen = mark.stat()
    mark.unlink()

    why = (
        f"The database {source.path} cannot be used: it was moved to {moved.target} on {kept['moved_at']}; "
        f"start Confab on that, or remove {mark} to start it on this one after all."
    )
    assert (told, made) == ([why] * 3, False)
    assert (process.returncode, chat.decode().endswith(f"{why}\n")) == (2, True)
    assert (kept["moved_to"], seen.st_mode & 0o777) == (moved.target, 0o600)
    assert seen.st_uid == source.path.stat().st_uid
    assert await asyncio.to_thread(start_on, source) == ""


async def test_a_bot_that_slept_while_the_source_was_moved_writes_nothing_into_it_any_more(source, target):
    store = await open_store(source.url, busy=SOON)
    await asyncio.to_thread(move, source, target)
    told = await try_to(store.questions.ingest(asked("1")))
    mark_of(source).unlink()
    late = await try_to(store.questions.ingest(asked("1")))
    await store.shut()

    assert f"The database {source.path} cannot be used: it was moved to postgresql://" in told
    assert late == ""


async def test_the_check_says_that_the_source_was_moved_and_a_backup_of_it_can_be_started_on(source, target, tmp_path):
    await asyncio.to_thread(move, source, target)
    told = await findings(DATABASE, chosen(database_url=source.url))
    copied = await asyncio.to_thread(backup, source.url, str(tmp_path / "copy.db"))
    taken = tmp_path / "new.db.moved"
    taken.touch()
    refused = []
    for name in ("new.db", "confab.db.moved"):
        with pytest.raises(StoreUnusable) as error:
            backup(source.url, str(tmp_path / name))
        refused.append(str(error.value))

    assert (told[0].name, told[0].state) == ("file", "problem")
    assert told[0].says.startswith(f"{source.path}: it was moved to postgresql://")
    assert told[0].mend == f"Start Confab on that, or remove {mark_of(source)} to start it on this one after all"
    assert await asyncio.to_thread(start_on, Database(f"sqlite:///{copied.target}")) == ""
    assert f"{taken} exists already; name another file" in refused[0]
    assert "it is the database itself" in refused[1]


@pytest.mark.parametrize("words", ["", "{}", "[]", '"moved_to"', "\x00\xff"])
async def test_a_mark_that_cannot_be_read_keeps_bots_away_too(source, words):
    mark_of(source).write_text(words, "latin-1")

    assert "cannot be used: it was moved to another database; start Confab on that" in await asyncio.to_thread(
        start_on, source
    )


def test_a_source_that_was_moved_goes_to_no_second_database_until_its_mark_is_taken_away(source, target):
    with postgres.borrowed_database() as url:
        other = Database(url)  # the same database: it differs by its schema alone
        first = move(source, target)
        told = refusal(source, other)
        mark_of(source).unlink()
        again = move(source, other)

        assert first.target != again.target
        assert f"{source.path} was moved to {first.target} on " in told
        assert told.endswith(f"remove {mark_of(source)} to move it to another one.")
        assert plain(other) == plain(source)


def test_the_name_of_a_target_has_its_schema_unless_that_is_the_usual_one(target):
    schema = target.url.rpartition("%3D")[2]
    usual = target.url.replace(schema, "public")

    with open_target(target.url, SOON) as own, open_target(usual, SOON) as other:
        assert own.name == f"{other.name} (schema {schema})"


def test_a_target_whose_search_path_leads_to_the_tables_of_another_confab_is_refused(source, target):
    """Else nothing would be copied, for nothing would be made there."""
    with postgres.borrowed_database() as used:
        theirs, own = (url.rpartition("%3D")[2] for url in (used, target.url))
        told = refusal(source, Database(f"{target.url},{theirs}"))

        assert f"tables of Confab in the schema {theirs}, and new ones would stand in {own}" in told
        assert not mark_of(source).exists()
        move(source, Database(f"{target.url},public"))
    assert plain(target) == plain(source)


async def test_a_bot_beside_it_in_the_same_database_leaves_the_guard_of_a_move_where_it_is(source, target):
    with pytest.raises(Interruption):
        await asyncio.to_thread(migrate_database, source.url, target.url, interrupt_at("copying"), busy=SOON)
    guarded = target.rows(GUARDED)
    with postgres.borrowed_database() as url:
        await (await open_store(f"{url},{target.url.rpartition('%3D')[2]}")).shut()

    assert guarded
    assert target.rows(GUARDED) == guarded


def test_broken_off_right_before_its_end_it_goes_on_and_after_it_it_says_that_all_is_there(source, target):
    """Between the mark and the commit of the target nothing starts on either of them."""
    breaks = """
    CREATE FUNCTION break_off() RETURNS trigger AS $$ BEGIN RAISE 'broken off'; END $$ LANGUAGE plpgsql;
    CREATE TRIGGER breaks BEFORE DELETE ON schema_migrations FOR EACH ROW EXECUTE FUNCTION break_off()
    """
    with pytest.raises(Interruption):
        migrate_database(source.url, target.url, interrupt_at("copying"), busy=SOON)
    unmarked = start_on(source)
    target.change(breaks)
    broken = refusal(source, target)
    closed = [start_on(source), start_on(target)]
    target.change("DROP FUNCTION break_off() CASCADE")
    move(source, target)
    told = refusal(source, target)

    assert (unmarked, "broken off" in broken) == ("", True)
    assert "it was moved to" in closed[0]
    assert "not all of" in closed[1]
    assert plain(target) == plain(source)
    assert f"{source.path} was moved to it on 20" in told
    assert told.endswith(": where that is what it holds, start Confab on it.")


def test_told_to_end_when_all_is_there_it_says_that_it_has_moved(source, target):
    with show_progress(rest=60) as show:

        def end(progress):
            if progress.phase == DONE:
                os.kill(os.getpid(), signal.SIGTERM)
            show(progress)

        moved = migrate_database(source.url, target.url, end, busy=SOON)

    assert f"Confab does not start on it any more, as {mark_of(source)} says." in describe_move(moved)


@pytest.mark.skipif(not SYS.is_dir(), reason="needs a folder that not even root may write")
def test_a_source_whose_folder_cannot_be_written_is_refused_with_what_to_do():
    with pytest.raises(Unfit) as error:
        ensure_markable("/sys/confab.db", "postgresql://x/y")

    assert str(error.value) == (
        "the folder /sys cannot be written, where a file has to say that /sys/confab.db was moved; let this user write "
        "there, or move a copy, which `confab backup` makes"
    )


# Refusals


def test_a_process_that_lives_on_either_database_refuses_the_move(source, target, tmp_path):
    spoil(source, f"UPDATE processes SET beat_at = '{stamp(system_clock())}' WHERE process = 'process 1'")
    on_source = refusal(source, target)
    spoil(source, "DELETE FROM processes")
    assert start_on(target) == ""
    target.change(f"INSERT INTO processes VALUES ('p', '{stamp(system_clock())}')")

    assert "a process of Confab uses it, alive 0 seconds ago" in on_source
    assert "a process of Confab runs on it" in refusal(source, target)


def test_no_bot_starts_on_either_database_while_one_moves_to_the_other(source, target):
    told = []

    def report(progress):
        if progress.phase == "checking" and not told:
            told.extend([start_on(source), start_on(target)])

    migrate_database(source.url, target.url, report, busy=SOON)

    assert "another program keeps it locked" in told[0]
    assert f"not all of {source.path} has been moved to it yet; let `confab migrate-database` end" in told[1]
    assert "it was moved to postgresql://" in start_on(source)
    assert start_on(target) == ""


async def test_a_bot_that_had_opened_the_target_before_writes_nothing_into_it_until_the_move_has_ended(source, target):
    """Interrupted in the middle, too; when all of it is there, that bot goes on by itself."""
    store, told = await open_store(target.url, busy=SOON), []

    def write(progress):
        if progress.phase in {"copying", "checking"} and progress.table == "questions":
            for work in (store.questions.ingest(asked("1")), store.questions.heartbeat("early")):
                told.append(asyncio.run_coroutine_threadsafe(try_to(work), loop).result())
            if len(told) == 2:
                raise Interruption

    loop = asyncio.get_running_loop()
    with pytest.raises(Interruption):
        await asyncio.to_thread(migrate_database, source.url, target.url, write)
    told.append(await try_to(store.questions.ingest(asked("1"))))
    await asyncio.to_thread(migrate_database, source.url, target.url, write)
    stands = plain(target) == plain(source)
    late = await try_to(store.questions.ingest(asked("2")))
    await store.shut()

    refused = f"not all of {source.path} has been moved to it yet; let `confab migrate-database` end"
    assert len(told) == 7
    assert [one for one in told if refused not in one and "another transaction holds" not in one] == []
    assert sum(refused in one for one in told) >= 5
    assert stands
    assert late == ""
    assert target.rows(GUARDED) == []


async def test_bots_that_work_on_the_target_the_whole_time_neither_end_the_move_nor_are_in_its_way(source, target):
    """Its last step comes while they have read one table, and wait to write into another."""
    stores = [await open_store(f"{target.url}%20-cdeadlock_timeout%3D100") for _ in range(2)]
    loop, at_work = asyncio.get_running_loop(), []

    async def work(store, process):
        while True:
            await try_to(store.questions.heartbeat(process))
            await try_to(store.questions.claim_next(process, {"slack"}))

    def meet(progress):
        if progress.phase == "copying" and not at_work:
            begun = (work(store, f"p{number}") for number, store in enumerate(stores))
            at_work.extend(asyncio.run_coroutine_threadsafe(one, loop) for one in begun)
        if (progress.phase, progress.table) == ("checking", "messages"):
            asyncio.run_coroutine_threadsafe(until(lambda: reads(target, WAITING), every=0.05), loop).result()

    moved = await asyncio.to_thread(migrate_database, source.url, target.url, meet)
    guarded = target.rows(GUARDED)
    for one in at_work:
        one.cancel()
    beaten = [await try_to(store.questions.heartbeat("late")) for store in stores]
    for store in stores:
        await store.shut()

    assert moved.rows["messages"] == 2
    assert (len(at_work), guarded, beaten) == (2, [], ["", ""])


async def test_while_somebody_reads_to_the_end_of_a_move_its_guard_refuses_nothing_and_goes_at_the_next_start(
    source, target
):
    with psycopg.connect(target.url) as reader:

        def read(progress):
            if (progress.phase, progress.table) == ("checking", "messages"):
                reader.execute("SELECT count(*) FROM messages").fetchone()

        await asyncio.to_thread(migrate_database, source.url, target.url, read)
        left = target.rows(GUARDED)
        store = await open_store(target.url)
        beaten = await try_to(store.questions.heartbeat("early"))
        await store.shut()

    assert ("messages",) in left
    assert beaten == ""
    assert await asyncio.to_thread(start_on, target) == ""
    assert target.rows(GUARDED) == []


async def try_to(work):
    """Why it could not be done; nothing, if it was."""
    try:
        await work
    except StoreUnavailable as error:
        return str(error)
    return ""


def test_a_database_that_holds_something_else_is_refused(source, target):
    assert start_on(target) == ""
    target.change("INSERT INTO notes VALUES ('a', 'b')")
    told = refusal(source, target)
    target.change("DELETE FROM notes")
    target.change("INSERT INTO processes VALUES ('died long ago', '2026-01-01')")

    assert "it holds data already (notes 1); name an empty database" in told
    assert move(source, target).rows["notes"] == 2
    assert "it holds data already" in refusal(source, target)


def test_a_part_of_another_database_is_refused(source, target, tmp_path):
    with pytest.raises(Interruption):
        migrate_database(source.url, target.url, interrupt_at("copying"))
    every_table.make(tmp_path / "other.db")

    assert f"a part of {source.path} was moved to it" in refusal(Database(f"sqlite:///{tmp_path}/other.db"), target)


def test_another_program_s_tables_and_another_version_are_refused(source, target):
    foreign = []
    for name in ("messages", "mine"):
        target.change(f"CREATE TABLE {name} (a TIMESTAMPTZ)")
        foreign.append(refusal(source, target))
        target.change(f"DROP TABLE {name}")
    with pytest.raises(Interruption):
        migrate_database(source.url, target.url, interrupt_at("copying"))
    target.change("DELETE FROM schema_migrations WHERE name = 'posts'")

    assert ["it has tables of another program" in told for told in foreign] == [True] * 2
    assert "another version of Confab began the move" in refusal(source, target)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM _sqlite_migrations WHERE name = 'posts'", "an older version wrote it; run `DATABASE_URL=sqlite:///"),
        ("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('confab', 'morrow', '')", "a newer version wrote it (morrow)"),
        ("DELETE FROM _sqlite_migrations", "it is not Confab's"),
    ],
    ids=["older", "newer", "foreign"],
)  # fmt: skip
def test_a_database_of_another_version_is_refused(source, target, statement, told):
    spoil(source, statement)

    assert told in refusal(source, target)
    assert list(target.tables()) == []


def test_addresses_that_go_the_other_way_or_name_nothing_are_refused(source, target, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for one, other in ((target, source), (source, source), (source, Database("confab")), (target, target)):
        assert "The other way is `confab backup`" in refusal(one, other)
    for name in ("", "pipe"):
        assert "it is no file; name the file of the database" in refusal(
            Database(f"sqlite:///{tmp_path}/{name}"), target
        )
    assert "there is none; name its file" in refusal(Database(f"sqlite:///{tmp_path}/none.db"), target)
    assert re.search(
        "it cannot be reached .* address in TO is right[.]$", refusal(source, Database("postgresql://127.0.0.1:1/x"))
    )


@pytest.mark.parametrize(
    "address", ["host=db password=hunter2", "confab:hunter2@db/confab", "//confab:hunter2@db/confab"]
)
def test_an_address_that_cannot_be_read_is_not_repeated(address):
    with pytest.raises(StoreUnusable) as error:
        asyncio.run(open_store(address))

    assert "its address is of no engine" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_database_in_another_encoding_is_refused(source):
    name = f"latin_{os.getpid()}"
    with psycopg.connect(postgres.server(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        told = refusal(source, Database(re.sub(r"/postgres(?=\?|$)", f"/{name}", postgres.server())))
        connection.execute(f"DROP DATABASE {name}")

    assert "its encoding is LATIN1; make it anew" in told


def test_a_disk_without_room_is_refused():
    ensure_free(200, 100)
    with pytest.raises(Unfit, match="its disk has 1 MB free, and about 2 MB are needed"):
        ensure_free(1_999_999, 1_000_000)


# What it tells


async def test_who_is_refused_in_a_terminal_sees_a_sentence_and_no_bar(source, target, tmp_path):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(fork_server.ROOT), "TERM": "xterm"}
    words = ("migrate-database", str(tmp_path), target.url)
    async with run_in_window(words, environment, tmp_path, columns=200) as window:
        code = await window.end()
        shown = window.text

    assert (code, shown.strip()[:13]) == (2, "The database ")


def test_where_there_is_no_terminal_a_line_comes_after_each_rest(capsys):
    with show_progress(rest=0) as report:
        report(Progress("copying", "messages", 1_000, 3_000))
        report(Progress("done", "", 3_000, 3_000))
    with show_progress(rest=60) as report:
        report(Progress("copying", "messages", 1_000, 3_000))

    assert capsys.readouterr() == ("", " 33 % copying messages (1000 of 3000 rows)\n")


async def test_in_a_terminal_it_draws_a_bar(source, target, tmp_path):
    every_table.add_messages(source.path, 3_000)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(fork_server.ROOT), "TERM": "xterm"}
    words = ("migrate-database", str(source.path), target.url)
    async with run_in_window(words, environment, tmp_path, columns=120) as window:
        code = await window.end()
        shown = window.text

    assert code == 0
    assert re.search(r"\[#+\]  100%", shown)
    assert "Next: let DATABASE_URL be TO as you gave it here" in shown


# Interrupted


async def test_killed_at_any_point_it_goes_on_and_until_its_end_nothing_starts_there(source, target, tmp_path):
    every_table.add_messages(source.path, 12_000)
    words, refused = (str(source.path), target.url), []
    for reached in (MARKED, COPYING, COPYING, CHECKING):
        process = await bot_of(tmp_path, words)
        await until(lambda reached=reached: reads(target, reached), 60)
        process.kill()
        await process.wait()
        refused.append(await asyncio.to_thread(start_on, target))
    process = await bot_of(tmp_path, words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    said, errors = await process.communicate()

    assert (process.returncode, errors) == (0, b"")
    assert ["not all of" in told for told in refused] == [True] * 4
    assert said.decode().startswith(f"Moved {source.path} to postgresql://")
    assert "messages 12002" in said.decode()
    assert await asyncio.to_thread(plain, target) == await asyncio.to_thread(plain, source)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_told_to_end_it_ends_with_what_to_do_next_and_nothing_else(source, target, tmp_path, number, code):
    every_table.add_messages(source.path, 12_000)
    process = await bot_of(tmp_path, (str(source.path), target.url), stderr=asyncio.subprocess.PIPE)
    await until(lambda: reads(target, COPYING), 60)
    process.send_signal(number)
    _, told = await process.communicate()

    assert (process.returncode, told.decode()) == (code, f"{STOPPED}\n")


@pytest.mark.parametrize("reached", ["copying", "checking"])
def test_a_connection_that_is_cut_is_told_with_the_mend_alone(source, target, reached, caplog):
    every_table.add_messages(source.path, 3_000)

    def cut(progress):
        if (progress.phase, progress.table) == (reached, "messages"):
            postgres.end_sessions()

    with pytest.raises(StoreUnusable) as error, show_progress() as show:
        migrate_database(source.url, target.url, lambda progress: (show(progress), cut(progress)), busy=SOON)
    move(source, target)

    assert str(error.value).endswith("; then give the same command again, and the move goes on.")
    assert caplog.text == ""
    assert plain(target) == plain(source)


def test_limits_of_time_that_the_server_sets_hold_no_move_up(source, target):
    waited = set()

    def wait(progress):
        if progress.table == "messages" and progress.phase in {"reading", "copying"} - waited:
            waited.add(progress.phase)
            target.rows("SELECT 1 FROM pg_sleep(0.7)")

    limits = ("idle_session_timeout", "transaction_timeout", "idle_in_transaction_session_timeout", "statement_timeout")
    limited = "".join(f"%20-c{name}%3D600" for name in limits) + "%20-cextra_float_digits%3D-9"
    migrate_database(source.url, target.url + limited, wait, busy=SOON)

    assert waited == {"reading", "copying"}
    assert plain(target) == plain(source)


def reads(target, statement):
    with suppress(psycopg.errors.UndefinedTable):
        return bool(target.rows(statement))


def test_what_changed_in_the_source_since_is_carried_as_it_is_now(source, target):
    with pytest.raises(Interruption):
        migrate_database(source.url, target.url, interrupt_at("checking"))
    spoil(source, "DELETE FROM messages WHERE id = 1", "UPDATE notes SET value = 'new' WHERE name = 'name 1'")
    move(source, target)

    assert plain(target) == plain(source)
