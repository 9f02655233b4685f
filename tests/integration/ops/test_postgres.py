"""What operators do with a PostgreSQL: check it, see usage, copy it, erase from it, and leave its password unseen.

Tests core.store.postgres.inspection, core.store.postgres.snapshot.
"""

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from bots.app import run
from bots.app.doctor import describe_clock, describe_server
from bots.ops.results import DATABASE
from bots.ops.usage_report import render_usage
from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.domain.errors import StoreUnusable
from core.domain.messages import Outcome
from core.domain.personas import Persona, Place
from core.domain.usage import Usage
from core.settings import Settings
from core.store import backup, hide_login, inspect, open_store
from core.store.postgres.engine import PostgresEngine
from core.store.postgres.problems import name_database
from core.store.postgres.schema import LOCK
from core.store.records.reports.condition import Condition, Server
from tests.support import fork_server, postgres
from tests.support.databases import Database
from tests.support.doctor import brief, chosen, findings
from tests.support.talk import KEY, NOON, PLATFORMS, asked, at, commanded, said
from tests.support.waiting import until

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
        "postgresql://127.0.0.1:9/confab: it cannot be reached (Connection refused)",
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
        "Let it create tables in its schema, and use them.",
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
    ran = fork_server.run("backup", "copy.db", folder=tmp_path, environment=environment)

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


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("ada:s3[cret", "s3[cret"),
        ("ada:s3#cret", "s3#cret"),
        ("ada:s3?cret", "s3?cret"),
        ("ada:s@3/c:ret", "s@3/c:ret"),
        ("ada", None),
    ],
)
def test_a_password_is_a_secret_however_it_stands_in_the_address(login, password):
    settings = Settings(_env_file=None, database_url=f"postgresql://{login}@db/confab?sslmode=require")

    assert settings.secrets()[:1] == ([] if password is None else sorted({password, quote(password)})[:1])
    assert password is None or password in settings.secrets()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        (
            "postgresql://ada@127.0.0.1:9/confab?sslmod=x",
            "DATABASE_URL has a parameter that PostgreSQL does not know: sslmod",
        ),
        ("postgresql://ada:s3cr3t/confab", "DATABASE_URL cannot be read"),
        ("postgresql://ada:s3cr3t?y=1@db/confab?sslmod=x", "DATABASE_URL cannot be read"),
        ("postgresql://ada@127.0.0.1:9/confab?sslmode=x", 'it cannot be reached (invalid sslmode value: "x")'),
        ("postgresql:///?service=nowhere", "it cannot be reached (definition of service"),
    ],
)
async def test_what_is_wrong_with_an_address_is_said_and_not_waited_for(address, says):
    with pytest.raises(StoreUnusable) as refused:
        await open_store(address)

    assert says in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
    assert type(refused.value) is StoreUnusable


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("postgresql://[::1]:5433/confab", "postgresql://[::1]:5433/confab"),
        ("postgresql://db1:5433,db2:5434/confab", "postgresql://db1:5433,db2:5434/confab"),
        ("postgresql://db1,db2/confab?port=5433", "postgresql://db1:5433,db2:5433/confab"),
        ("postgresql:///?service=ours", "postgresql:///?service=ours"),
    ],
)
def test_a_database_is_named_as_it_is_addressed(address, name):
    assert name_database(address) == name


@pytest.mark.parametrize(
    ("more", "spoil", "says"),
    [
        ("", "CREATE TABLE messages (x INT)", "it has tables of another program"),
        ("", "CREATE TABLE schema_migrations (version TEXT)", "it has tables of another program"),
        ("nowhere", "", "no schema of its search_path is there; make it with CREATE SCHEMA"),
    ],
)
async def test_a_schema_that_is_not_ours_is_refused_alike_by_the_check_and_the_start(url, more, spoil, says):
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(spoil)
    address = f"{url}{more}"

    for opening in (inspect(address), open_store(address)):
        with pytest.raises(StoreUnusable, match=says):
            await opening


async def test_a_database_that_cannot_hold_every_character_is_refused():
    server = psycopg.conninfo.conninfo_to_dict(postgres.server())
    address = psycopg.conninfo.make_conninfo(**{**server, "dbname": "confab_latin"})
    with psycopg.connect(postgres.server(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS confab_latin")
        admin.execute("CREATE DATABASE confab_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with pytest.raises(StoreUnusable, match="its encoding is LATIN1; make it anew, with CREATE DATABASE"):
                await PostgresEngine(address, timedelta(seconds=1)).open()
        finally:
            admin.execute("DROP DATABASE confab_latin")


async def test_how_a_role_writes_times_and_letters_changes_nothing(url):
    store = await open_store(f"{url}%20-cDateStyle%3DGerman&client_encoding=latin1")
    await store.questions.ingest(replace(asked("1"), message=replace(asked("1").message, text="→ ключ")))
    await store.questions.heartbeat("p")
    thread = await store.threads.thread(KEY)
    await store.shut()

    assert [one.text for one in thread.messages] == ["→ ключ"]


async def test_a_server_that_is_not_there_yet_is_waited_for(caplog):
    with postgres.started() as server:
        server.kill()
        opening = asyncio.create_task(run.open_when_ready(server.url, asyncio.Event(), 0.05))
        await until(lambda: "waits for the database: The database postgresql://" in caplog.text)
        server.start()
        store = await opening

        assert store
        await store.shut()


async def test_tables_that_somebody_holds_are_waited_for_and_others_may_use_them_meanwhile(url, caplog):
    with psycopg.connect(url) as admin:
        admin.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        opening = asyncio.create_task(run.open_when_ready(url, asyncio.Event(), 0.05))
        await until(lambda: "another transaction holds what this one needs" in caplog.text)
        admin.rollback()

    store = await opening
    assert store
    await store.shut()


async def test_who_waits_for_a_server_can_be_told_to_stop(caplog):
    stop = asyncio.Event()
    opening = asyncio.create_task(run.open_when_ready("postgresql://ada@127.0.0.1:9/confab", stop))
    await until(lambda: "waits for the database" in caplog.text)
    stop.set()

    assert await opening is None


def test_without_the_driver_it_is_said_what_to_install(tmp_path):
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError('psycopg')")
    script = "import asyncio; from core.store import open_store; asyncio.run(open_store('postgresql://db/confab'))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert "PostgreSQL's driver is not installed; run `.venv/bin/pip install '.[postgres]'`" in ran.stderr


async def test_a_copy_of_one_moment_is_whole_while_others_write(kept, tmp_path):
    store = await open_store(kept)
    for number in range(10, 40):
        await store.questions.ingest(said(str(number)))
    copied = backup(kept, str(tmp_path / "copy.db"))
    await store.shut()

    assert copied.rows["messages"] == 33
    assert (await inspect(f"sqlite:///{tmp_path}/copy.db")).version
