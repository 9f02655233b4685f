"""`confab backup`, as operators use it: real processes over real files, killed for real.

Tests core.store.sqlite.backup.
"""

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.domain.errors import StoreUnusable
from core.store import backup, open_store
from core.store.sqlite.schema import migrations
from tests.fakes.claude.server import ClaudeFake
from tests.support import fork_server
from tests.support.clock_notes import without_times
from tests.support.talk import asked, deleted, message, said, thread

ROOT = Path(__file__).parents[2]
SYS = Path("/sys")  # a folder in which not even root may write

WRITES = """
import asyncio, itertools, sys
from core.store import open_store
from tests.fakes.claude.server import ClaudeFake
from tests.support.talk import asked, message, thread

async def main(url):
    store = await open_store(url)
    for number in itertools.count():
        await store.questions.ingest(asked(message(str(number), "x" * 500), thread(str(number))))
        print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path):
    """Where the operator stands; backups go to another folder, so that what is left there is seen."""
    (tmp_path / "copies").mkdir()
    return tmp_path


@pytest.fixture
async def database(folder):
    """A database with one thread, closed."""
    store = await open_store(url(folder))
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(said("2"))
    await store.shut()
    return folder / "confab.db"


def url(folder):
    return f"sqlite:///{folder}/confab.db"


def environment(folder, **more):
    ours = ("ANTHROPIC_", "CONFAB_", "SLACK_", "DISCORD_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return inherited | {"DATABASE_URL": url(folder), "PYTHONPATH": str(ROOT), "LOGNAME": "ada"} | more


def confab(folder, *words, said="", **more):
    return fork_server.run(*words, folder=folder, environment=environment(folder, **more), said=said)


def copies(folder):
    return sorted(os.listdir(folder / "copies"))


def rows(path, table="messages"):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()


# What it makes


def test_a_backup_is_one_whole_file_of_its_owner_and_says_what_is_in_it(folder, database):
    run = confab(folder, "backup", "copies/a.db")

    size = (folder / "copies/a.db").stat().st_size
    told = f"Copied {database} to copies/a.db and checked it: threads 1, messages 2, questions 1, requests 0, bytes {size}.\n"
    assert (run.returncode, run.stdout, run.stderr) == (0, told, "")
    assert copies(folder) == ["a.db"]
    assert stat.S_IMODE((folder / "copies/a.db").stat().st_mode) == 0o600
    assert rows(folder / "copies/a.db") == rows(database)
    with closing(sqlite3.connect(folder / "copies/a.db")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert sorted(os.listdir(folder)) == ["confab.db", "copies"]


async def test_what_is_still_in_the_log_of_an_open_database_is_copied(folder):
    store = await open_store(url(folder))
    await store.questions.ingest(asked("1"))
    assert (folder / "confab.db-wal").stat().st_size > 0

    backup(url(folder), f"{folder}/copies/a.db")

    await store.shut()
    assert rows(folder / "copies/a.db") == rows(folder / "confab.db")


async def test_what_was_deleted_is_not_in_a_backup_even_before_it_was_swept(folder):
    store = await open_store(url(folder))
    await store.questions.ingest(asked("1"))
    for number in range(2, 40):
        await store.questions.ingest(said(message(str(number), f"zebra{number} " * 400)))
    for number in range(2, 40):
        await store.questions.ingest(deleted(str(number)))
    assert b"zebra" in (folder / "confab.db-wal").read_bytes()

    backup(url(folder), f"{folder}/copies/a.db")

    await store.shut()
    assert b"zebra" not in (folder / "copies/a.db").read_bytes()


async def test_a_backup_from_before_an_update_can_be_made_after_it(folder):
    """So with the new version installed there is still a way back."""
    with closing(Database(folder / "confab.db")) as db:
        migrations.apply(db, stop_before="personas")

    assert backup(url(folder), f"{folder}/copies/a.db").rows["threads"] == 0


# While others write


async def test_backups_beside_a_busy_writer_are_whole_and_do_not_disturb_it(folder):
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", WRITES, url(folder),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    heard, held = [], []
    for name in ("a.db", "b.db", "c.db"):
        heard.append(int(await writer.stdout.readline()))
        copied = await asyncio.to_thread(backup, url(folder), f"{folder}/copies/{name}")
        held.append((copied.rows["messages"], copied.rows["questions"], copied.rows["threads"]))
    going = writer.returncode is None
    writer.kill()
    _, complaints = await writer.communicate()

    assert (going, complaints) == (True, b"")
    assert all(len(set(counts)) == 1 for counts in held)
    assert all(counts[0] > last for counts, last in zip(held, heard, strict=True))
    assert held[0] < held[1] < held[2]
    assert [len(rows(folder / "copies" / name)) for name in copies(folder)] == [counts[0] for counts in held]


def test_a_database_that_another_program_keeps_locked_is_not_copied(folder, database):
    with closing(sqlite3.connect(database)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("DELETE FROM notes")
        other.commit()
        with pytest.raises(StoreUnusable, match="cannot be copied: another program keeps it locked; end that program"):
            backup(url(folder), f"{folder}/copies/a.db", busy=timedelta(milliseconds=50))

    assert copies(folder) == []


@asynccontextmanager
async def growing(folder, database):
    """A backup that has begun to write and will take a while."""
    with closing(sqlite3.connect(database)) as db:
        db.execute("CREATE TABLE bulk AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)"
                   " SELECT i, randomblob(3000) AS b FROM n")  # fmt: skip
        db.commit()
    process = await fork_server.start(
        "backup", "copies/a.db", folder=folder, environment=environment(folder), stderr=asyncio.subprocess.PIPE
    )
    while not any(found.stat().st_size for found in (folder / "copies").glob(".confab-*/a.db")):
        assert process.returncode is None
        await asyncio.sleep(0.001)
    yield process
    await process.communicate()


async def test_killed_in_its_middle_it_leaves_nothing_under_the_name(folder, database):
    async with growing(folder, database) as process:
        process.send_signal(signal.SIGKILL)

    assert process.returncode == -signal.SIGKILL
    (left,) = copies(folder)
    assert left.startswith(".confab-")
    assert backup(url(folder), f"{folder}/copies/a.db").rows["bulk"] == 20000


async def test_what_took_the_name_meanwhile_is_not_overwritten(folder, database):
    async with growing(folder, database) as process:
        (folder / "copies/a.db").write_text("dear")
        _, complaints = await process.communicate()

    assert (process.returncode, copies(folder)) == (2, ["a.db"])
    assert "copies/a.db exists already" in complaints.decode()
    assert (folder / "copies/a.db").read_text() == "dear"


# What it refuses: one line each, and nothing half left


def existing(folder):
    (folder / "copies/a.db").write_text("dear")


def dangling(folder):
    (folder / "copies/a.db").symlink_to(folder / "nowhere")


def stale(folder):
    (folder / "copies/a.db-wal").write_text("of another database")


def linked(folder):
    (folder / "copies/a.db").symlink_to(folder / "confab.db")


def spoiled(folder):
    with (folder / "confab.db").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 20)


def crooked(folder):
    """An index that does not say what its table says; counting rows does not show it."""
    with closing(sqlite3.connect(folder / "confab.db")) as db:
        db.execute("INSERT INTO notes VALUES ('a', 'b')")
        db.execute("CREATE INDEX crooked ON notes (name)")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE INDEX crooked ON notes (value)' WHERE name = 'crooked'")
        db.commit()


def foreign(folder):
    with closing(sqlite3.connect(folder / "confab.db")) as db:
        db.execute("DROP TABLE _sqlite_migrations")


def newer(folder):
    with closing(sqlite3.connect(folder / "confab.db")) as db:
        db.execute("UPDATE _sqlite_migrations SET name = 'from_the_future' WHERE name = 'pages'")
        db.commit()


def nothing(folder):
    """Spoil nothing."""


@pytest.mark.parametrize(
    ("spoil", "name", "line"),
    [
        (existing, "copies/a.db", "The backup copies/a.db cannot be written: copies/a.db exists already; name another"),
        (dangling, "copies/a.db", "The backup copies/a.db cannot be written: copies/a.db exists already; name another"),
        (stale, "copies/a.db", "The backup copies/a.db cannot be written: copies/a.db-wal exists already; name"),
        (nothing, "copies", "The backup copies cannot be written: copies exists already; name another"),
        (nothing, "confab.db", "The backup confab.db cannot be written: it is the database itself; name another file"),
        (nothing, "confab.db-wal", "The backup confab.db-wal cannot be written: it is the database itself; name"),
        (linked, "copies/a.db", "The backup copies/a.db cannot be written: it is the database itself; name another"),
        (
            nothing,
            "missing/a.db",
            "The backup missing/a.db cannot be written: it cannot be opened; see that its folder",
        ),
        (nothing, "confab.db/a.db", "The backup confab.db/a.db cannot be written: it cannot be opened; see that"),
        (spoiled, "copies/a.db", "cannot be copied: it is damaged; restore a copy"),
        (crooked, "copies/a.db", "cannot be copied: it is damaged; restore a copy"),
        (foreign, "copies/a.db", "cannot be copied: it is not Confab's; see DATABASE_URL"),
        (newer, "copies/a.db", "cannot be copied: a newer version wrote it (from_the_future); update"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_it_cannot_do_is_one_line_and_leaves_all_as_it_was(folder, database, monkeypatch, spoil, name, line):
    spoil(folder)
    before = contents(folder)
    monkeypatch.chdir(folder)

    with pytest.raises(StoreUnusable) as refused:
        backup(url(folder), name)

    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert contents(folder) == before


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(not SYS.is_dir(), reason="needs a folder that not even root may write")
def test_a_folder_that_cannot_be_written_is_named_with_the_mend(folder, database):
    run = confab(folder, "backup", "/sys/a.db")

    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "The backup /sys/a.db cannot be written: it cannot be opened; see that its folder exists" in run.stderr


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    .returncode != 0,
    reason="needs a small disk of its own",
)  # fmt: skip
def test_a_full_disk_is_told_and_nothing_half_is_left(folder, database):
    script = "mount -t tmpfs -o size=64k none copies && { $0 -m bots backup copies/a.db; echo $?; ls -A copies; }"

    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, sys.executable],
        cwd=folder, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.stdout == "2\n"
    assert run.stderr.startswith("The backup copies/a.db cannot be written: the disk is full; make room")


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("sqlite://", "cannot be copied: it is in memory; set DATABASE_URL to a file"),
        ("sqlite:///elsewhere.db", "The database elsewhere.db cannot be copied: there is none; see DATABASE_URL"),
        ("sqlite:///copies", "The database copies cannot be copied: it cannot be opened"),
    ],
)
def test_a_database_that_is_no_file_has_no_backup(folder, monkeypatch, address, line):
    monkeypatch.chdir(folder)

    with pytest.raises(StoreUnusable, match=re.escape(line)):
        backup(address, "copies/a.db")

    assert (os.listdir(folder), copies(folder)) == (["copies"], [])


# Coming back


async def test_a_restored_backup_knows_the_threads_and_what_came_later_is_gone(folder):
    async with ClaudeFake() as claude:
        key = {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}

        async def chat(line):
            run = await asyncio.to_thread(confab, folder, "chat", said=f"{line}\n", **key)
            assert (run.returncode, run.stderr) == (0, "")

        await chat("hello")
        await asyncio.to_thread(backup, url(folder), f"{folder}/copies/a.db")
        await chat("later")
        for left in folder.glob("confab.db*"):
            left.unlink()
        shutil.copy(folder / "copies/a.db", folder / "confab.db")
        await chat("again")
        told = [[without_times(turn["content"][0]["text"]) for turn in one.body["messages"] if turn["role"] == "user"]
                for one in claude.requests if one.path == "/v1/messages"]  # fmt: skip

    assert told == [["ada: hello"], ["ada: hello", "ada: later"], ["ada: hello", "ada: again"]]


async def test_questions_that_were_open_in_a_backup_are_claimed_after_it_is_restored(folder, database):
    backup(url(folder), f"{folder}/copies/a.db")

    store = await open_store(f"sqlite:///{folder}/copies/a.db")
    claim = await store.questions.claim_next("p", {"slack"})
    held = await store.threads.thread(thread("1"))
    await store.shut()

    assert claim.question.name == "1"
    assert held.messages == (message("1"), message("2"))
