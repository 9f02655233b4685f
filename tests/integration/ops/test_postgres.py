"""What operators do with a PostgreSQL: check it, see usage, copy it, erase from it, and leave its password unseen.

Tests core.store.postgres.inspection, core.store.postgres.snapshot.
"""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from bots.app.doctor import describe_clock, describe_server
from bots.ops.results import DATABASE
from bots.ops.usage_report import render_usage
from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.domain.errors import StoreUnusable
from core.domain.messages import Outcome
from core.domain.personas import Persona, Place
from core.domain.usage import Usage
from core.settings import Settings
from core.store import Condition, Server, backup, hide_login, inspect, open_store
from tests.support import postgres
from tests.support.databases import Database
from tests.support.doctor import brief, chosen, findings
from tests.support.talk import KEY, NOON, PLATFORMS, asked, at, commanded, said

ROOT = Path(__file__).parents[3]


@pytest.fixture
def url():
    address = postgres.create_database()
    yield address
    postgres.drop_database(address)


@pytest.fixture
async def kept(url):
    """A database in which things happened, closed again."""
    store = await open_store(url)
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(said("2"))
    await store.questions.ingest(commanded("i1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "9", at(9))
    await store.questions.close(claim, Outcome.SHOWN)
    await store.personas.change(Place(KEY.workspace), Persona(system="Be kind.", temperature=0.5), 0, "U1", NOON)
    planned = PlannedRequest(KEY, "1", "U1", "claude-haiku-5-5", 0, 10, 10, NOON, 7)
    reservation = await store.ledger.reserve(planned, [])
    await store.ledger.settle(reservation, Settlement(Usage(input=3, output=4), "end_turn", NOON, micro_usd=5))
    await store.shut()
    return url


async def test_a_server_that_is_well_is_described_and_not_changed(kept):
    before = list(Database(kept).tables())

    told = await findings(DATABASE, chosen(database_url=kept))

    assert brief(told)[:2] == [("server", "ok"), ("clock", "ok")]
    assert " can be written; version " in told[0].says
    assert "; PostgreSQL 1" in told[0].says
    assert told[0].says.endswith(" ms away")
    assert [one.name for one in told] == ["server", "clock", "questions"]
    assert list(Database(kept).tables()) == before


async def test_a_database_without_tables_is_left_so(url):
    told = await findings(DATABASE, chosen(database_url=url))

    assert (told[0].state, "the first start makes its tables" in told[0].says) == ("ok", True)
    assert list(Database(url).tables()) == []


async def test_a_server_that_is_not_there_is_a_problem_with_its_mend():
    [told] = await findings(DATABASE, chosen(database_url="postgresql://ada:s3cr3t@127.0.0.1:9/confab"))

    assert (told.name, told.state, told.says) == (
        "server",
        "problem",
        "postgresql://127.0.0.1:9/confab: it cannot be reached",
    )
    assert told.mend == "See that it runs, and that the address in DATABASE_URL is right."


async def test_a_user_who_may_not_create_tables_is_told_so(kept):
    with psycopg.connect(kept, autocommit=True) as admin:
        schema = admin.execute("SELECT current_schema()").fetchone()[0]
        admin.execute("CREATE ROLE guest LOGIN")
        admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO guest")
        try:
            [told] = await findings(DATABASE, chosen(database_url=kept.replace("postgres@", "guest@")))
        finally:
            admin.execute("DROP OWNED BY guest CASCADE")
            admin.execute("DROP ROLE guest")

    assert (told.state, told.mend) == (
        "problem",
        "Name the primary server, and let this user create tables in its schema.",
    )


def test_a_server_far_away_is_a_warning():
    far = Server("PostgreSQL 18.1", timedelta(milliseconds=45), timedelta())

    assert describe_server(
        Condition("postgresql://db/confab", 2, 2, bytes=9_000_000, server=far), far
    ) == DATABASE.warning(
        "server",
        "postgresql://db/confab can be written; version 2; 9.0 MB; PostgreSQL 18.1, 45.0 ms away",
        "Put the database near: each question waits for it some fifty times.",
    )


@pytest.mark.parametrize(
    ("seconds", "state", "says"),
    [
        (1, "ok", "agrees with this machine's"),
        (300, "warning", "300 s ahead of this machine's"),
        (-300, "warning", "300 s behind this machine's"),
    ],
)
def test_a_clock_that_differs_is_a_warning(seconds, state, says):
    told = describe_clock(Server("PostgreSQL 18.1", timedelta(), timedelta(seconds=seconds)))

    assert (told.state, told.says) == (state, says)


async def test_usage_is_read_from_it(kept):
    settings = Settings(_env_file=None, database_url=kept)

    told = await render_usage(settings, "", "month", "person", kind="csv", now=NOON)

    assert "U1" in told


async def test_what_was_never_asked_is_said_without_the_login(url):
    settings = Settings(_env_file=None, database_url=url.replace("postgres@", "postgres:s3cr3t@"))

    told = await render_usage(settings, "", "month", "person", kind="table", now=NOON)

    assert told.startswith("Nothing was asked yet: postgresql:///")
    assert "s3cr3t" not in told


async def test_a_copy_is_a_file_that_holds_every_row_and_can_be_started_on(kept, tmp_path):
    target = tmp_path / "copy.db"
    theirs = dict(Database(kept).tables())

    copied = backup(kept, str(target))

    ours = dict(Database(f"sqlite:///{target}").tables())
    for own in ("schema_migrations", "_sqlite_migrations"):
        theirs.pop(own, None), ours.pop(own, None)

    def plain(rows):
        return sorted(
            (tuple((name, value) for name, value in row.items() if name != "platform") for row in rows), key=repr
        )

    assert {name: plain(rows) for name, rows in ours.items()} == {name: plain(rows) for name, rows in theirs.items()}
    assert copied.rows["messages"] == 3
    store = await open_store(f"sqlite:///{target}")
    assert [one.text for one in (await store.threads.thread(KEY)).messages][:2] == ["words 1", "words 2"]
    assert (await store.personas.persona(Place(KEY.workspace))).persona.system == "Be kind."
    await store.shut()


async def test_what_is_no_database_of_ours_is_not_copied(url, tmp_path):
    with pytest.raises(StoreUnusable, match="cannot be copied: it is not Confab's yet; see DATABASE_URL"):
        backup(url, str(tmp_path / "copy.db"))

    assert list(tmp_path.iterdir()) == []


def test_the_command_copies_it(kept, tmp_path):
    environment = {"DATABASE_URL": kept, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-m", "bots", "backup", "copy.db"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "to copy.db and checked it: threads 1, messages 3, questions 2, requests 1" in ran.stdout


async def test_what_is_forgotten_is_in_no_row(kept):
    store = await open_store(kept)
    await store.threads.forget(Scope(KEY.workspace))
    await store.shut()

    assert b"words 1" not in Database(kept).raw()


def test_a_login_is_hidden():
    assert hide_login("postgresql://ada:s3c@db:5432/confab?password=x&sslmode=require") == (
        "postgresql://db:5432/confab?&sslmode=require"
    )
    assert hide_login("sqlite:///confab.db") == "sqlite:///confab.db"


def test_the_password_is_a_secret():
    settings = Settings(_env_file=None, database_url="postgresql://ada:s3%23cret@db/confab?password=other")

    assert settings.secrets() == ["other", "s3#cret", "s3%23cret"]


def test_without_the_driver_it_is_said_what_to_install(tmp_path):
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError('psycopg')")
    script = "import asyncio; from core.store import open_store; asyncio.run(open_store('postgresql://db/confab'))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert "PostgreSQL's driver is not installed; install confab[postgres]" in ran.stderr


async def test_a_copy_of_one_moment_is_whole_while_others_write(kept, tmp_path):
    store = await open_store(kept)
    for number in range(10, 40):
        await store.questions.ingest(said(str(number)))
    copied = backup(kept, str(tmp_path / "copy.db"))
    await store.shut()

    assert copied.rows["messages"] == 33
    assert (await inspect(f"sqlite:///{tmp_path}/copy.db")).version
