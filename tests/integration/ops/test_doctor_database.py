"""What the check finds of the database: its file, its folder, its version, its room and what waits in it."""

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from bots.app.doctor import describe_batches, describe_deletions, describe_disk, describe_questions
from bots.ops.results import DATABASE
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.errors import StoreUnusable
from core.domain.events import Pressed
from core.domain.messages import FinalText, Outcome
from core.store import inspect, open_store
from core.store.records.files import WaitingDeletions
from core.store.records.jobs import WaitingBatches
from core.store.sqlite.schema import migrations
from tests.support.doctor import brief, chosen, findings
from tests.support.talk import KEY, NOON, PLATFORMS, asked

NOBODY = 65534  # the user who owns nothing
NEWEST = len(migrations.pending(Database(memory=True, execute_plugins=False)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "confab.db"


@pytest.fixture
async def database(path):
    """A database with one open question, asked at noon."""
    store = await open_store(f"sqlite:///{path}")
    await store.questions.ingest(asked("1"))
    await store.shut()
    return path


async def test_a_database_that_is_well_is_described_and_not_changed(database):
    before = database.read_bytes()
    told = await findings(DATABASE, chosen(database_url=f"sqlite:///{database}"))

    assert brief(told) == [("file", "ok"), ("disk", "ok"), ("questions", "warning")]
    size = database.stat().st_size / 1_000_000
    assert told[0].says == f"{database} can be written; version {NEWEST}; {size:.1f} MB"
    assert database.read_bytes() == before


async def test_what_people_think_of_answers_is_counted(path):
    url = f"sqlite:///{path}"
    store = await open_store(url)
    await store.questions.ingest(asked("1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.store_final_text(claim, FinalText("Blue."))
    await store.questions.close(claim, Outcome.SHOWN)
    for number, control in enumerate((Control.UP, Control.UP, Control.DOWN)):
        await store.questions.ingest(Pressed(f"p{number}", KEY, f"U{number}", control, "1", NOON))
    await store.shut()

    assert (await findings(DATABASE, chosen(database_url=url)))[-1] == DATABASE.ok("feedback", "👍 2 👎 1")


async def test_a_database_that_is_not_there_is_not_made(path):
    told = await findings(DATABASE, chosen(database_url=f"sqlite:///{path}"))

    assert told[0] == DATABASE.ok("file", f"{path} is not there yet; the first start makes it")
    assert not path.exists()


async def test_a_database_in_memory_is_a_warning():
    told = await findings(DATABASE, chosen(database_url="sqlite://"))

    assert brief(told) == [("file", "warning"), ("questions", "ok")]


async def test_a_database_of_an_older_version_is_left_as_it_is(path):
    with closing(Database(path)) as db:
        migrations.apply(db, stop_before="questions")
        had = len(migrations.applied(db))
    told = await findings(DATABASE, chosen(database_url=f"sqlite:///{path}"))

    assert f"; version {had} of {NEWEST}, which the next start makes it; " in told[0].says
    with closing(Database(path)) as db:
        assert len(migrations.applied(db)) == had


def another_file(path):
    path.write_text("Dear diary, " * 1000)


def another_database(path):
    with closing(Database(path)) as db:
        db.table("recipes").insert({"name": "soup"})


def newer(path):
    with closing(Database(path)) as db:
        future = Migrations("confab")
        future(name="from_the_future")(lambda db: None)
        future.apply(db)


def a_folder(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "says", "mend"),
    [
        (another_file, "it is not a database", "Name another file, or move this one away"),
        (another_database, "it is not Confab's", "Name another file"),
        (newer, "a newer version wrote it (from_the_future)", "Update, or restore an older copy"),
        (a_folder, "it cannot be opened", "See that its folder exists and this user may write there"),
    ],
)
async def test_a_file_that_is_no_good_is_a_problem_with_its_mend(path, spoil, says, mend):
    spoil(path)
    [told] = await findings(DATABASE, chosen(database_url=f"sqlite:///{path}"))

    assert (told.state, told.says) == ("problem", f"{path}: {says}")
    assert told.mend.startswith(mend)


@pytest.fixture
def nobody():
    """Root may write everything; while this lasts we are somebody who may not."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    yield
    if root:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """A folder that everybody may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as open_folder:
        os.chmod(open_folder, 0o777)
        yield Path(open_folder)


@pytest.fixture
def others_file(open_folder):
    """A database that we may read and not write."""
    path = open_folder / "confab.db"
    (open_folder / "closed").mkdir(0o555)
    asyncio.run(made(f"sqlite:///{path}"))
    path.chmod(0o444)
    return path


async def made(url):
    await (await open_store(url)).shut()


async def test_a_database_that_cannot_be_written_is_a_problem(others_file, nobody):
    [told] = await findings(DATABASE, chosen(database_url=f"sqlite:///{others_file}"))

    assert (told.state, told.says) == ("problem", f"{others_file}: it cannot be written")
    assert told.mend.startswith("Give this user the right to write the file and its folder")


async def test_a_folder_that_a_new_database_cannot_be_written_to_is_a_problem(others_file, nobody):
    url = f"sqlite:///{others_file.parent}/closed/confab.db"
    [told] = await findings(DATABASE, chosen(database_url=url))

    assert (told.state, told.says) == ("problem", f"{others_file.parent}/closed/confab.db: it cannot be written")


async def test_a_database_that_another_program_locks_is_unusable(database):
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnusable, match="another program keeps it locked; end that program"):
            await inspect(f"sqlite:///{database}", busy=timedelta(0))


async def test_a_database_in_use_is_described_with_its_log(database):
    store = await open_store(f"sqlite:///{database}")
    await store.questions.ingest(asked("2"))
    told = await inspect(f"sqlite:///{database}")
    await store.shut()

    assert (told.version, told.newest, told.waiting, told.oldest) == (NEWEST, NEWEST, 2, NOON + timedelta(seconds=1))
    assert told.bytes > database.stat().st_size


@pytest.mark.parametrize(
    ("free", "finding"),
    [
        (500_000_000, DATABASE.ok("disk", "500.0 MB are free")),
        (499_999_999, DATABASE.warning("disk", "only 500.0 MB are free", "Make room, or name another DATABASE_URL.")),
    ],
    ids=["enough", "little"],
)
def test_little_room_on_the_disk_is_a_warning(free, finding):
    assert describe_disk(free) == finding


@pytest.mark.parametrize(
    ("count", "minutes", "state", "says"),
    [
        (0, None, "ok", "none waits for its answer"),
        (2, 10, "ok", "2 without an answer, the oldest for 0:10:00"),
        (1, 11, "warning", "1 without an answer, the oldest for 0:11:00"),
    ],
    ids=["none", "young", "old"],
)
def test_a_question_that_waits_for_long_is_a_warning(count, minutes, state, says):
    oldest = None if minutes is None else NOON - timedelta(minutes=minutes)
    told = describe_questions(count, oldest, NOON)

    assert (told.state, told.says) == (state, says)


@pytest.mark.parametrize(
    ("minutes", "state", "says"),
    [
        (15, "ok", "3 to be deleted at Claude, the oldest for 0:15:00"),
        (16, "warning", "3 to be deleted at Claude, the oldest for 0:16:00 (no answer in 20 seconds)"),
    ],
    ids=["young", "old"],
)
def test_files_that_wait_to_be_deleted_for_long_are_a_warning_with_the_cause(minutes, state, says):
    told = describe_deletions(WaitingDeletions(3, NOON, "no answer in 20 seconds"), timedelta(minutes=minutes))

    assert (told.state, told.says) == (state, says)


@pytest.mark.parametrize(
    ("waiting", "state", "says"),
    [
        (WaitingBatches(2, 2, "x"), "ok", "2 to be deleted at Claude"),
        (WaitingBatches(2, 3, "no answer"), "warning", "2 to be deleted at Claude (no answer)"),
        (
            WaitingBatches(0, 0, "", 1, NOON - timedelta(minutes=5)),
            "ok",
            "results of 1 to be posted, the oldest for 0:05:00",
        ),
        (
            WaitingBatches(1, 0, "", 1, NOON - timedelta(hours=5)),
            "warning",
            "1 to be deleted at Claude; results of 1 to be posted, the oldest for 5:00:00",
        ),
    ],
    ids=["deletions", "deletions that fail", "results", "results for long"],
)
def test_batches_that_wait_are_told_and_for_long_they_are_a_warning(waiting, state, says):
    told = describe_batches(waiting, NOON)

    assert (told.state, told.says, bool(told.mend)) == (state, says, state == "warning")


async def test_a_workspaces_time_zone_that_this_machine_does_not_have_is_a_warning(path):
    url = f"sqlite:///{path}"
    store = await open_store(url)
    for number, zone in enumerate(("Europe/Atlantis", "Europe/Berlin", "Asia/Atlantis")):
        budget = Budget(Scope("slack:T1" if number < 2 else "slack:T2"), Period.DAY, 1, zone, "U1", NOON)
        await store.ledger.allow(budget, number if number < 2 else 0)
    await store.shut()

    told = [one for one in await findings(DATABASE, chosen(database_url=url)) if one.name == "time zone"]
    assert [(one.state, one.says) for one in told] == [
        ("warning", "Asia/Atlantis is not known here; UTC holds in its place")
    ]
