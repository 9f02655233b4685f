"""`confab audit verify` and `export`, and the heads in the log: bots.ops.audit_log, and as operators give them."""

import asyncio
import json
import logging
import sqlite3
from contextlib import closing

import pytest

from bots.ops.audit_log import HOUR, HeadLog, export_log, verify_log
from bots.ops.secret_keys import load_audit_keys
from core.domain.errors import SettingsError
from core.domain.personas import Persona, Place
from core.store import backup, open_store
from core.store.audit_log import AuditHead, AuditKeys
from core.store.places import audit as rules
from tests.support.command_line import run_confab
from tests.support.doctor import chosen
from tests.support.talk import NOON

HERE, ELSEWHERE = "slack:T024", "discord:1"


@pytest.fixture
def settings(tmp_path):
    return chosen(database_url=f"sqlite:///{tmp_path}/confab.db").core


@pytest.fixture
async def store(settings):
    opened = await open_store(settings.database_url, keys=load_audit_keys(settings))
    yield opened
    await opened.shut()


@pytest.fixture
async def heads(store):
    """Three changes in one workspace, one in another; their heads."""
    for number in range(3):
        await store.personas.change(Place(HERE, "C1"), Persona(str(number)), number, "U1", NOON)
    await store.personas.change(Place(ELSEWHERE), Persona("x"), 0, "U2", NOON)
    return {head.workspace: head for head in await store.audit.heads()}


def alter(folder, statement: str) -> None:
    with closing(sqlite3.connect(folder / "confab.db")) as db, db:
        db.execute(statement)


def test_a_log_without_a_row_is_whole_and_no_database_is_made(tmp_path):
    run = run_confab("audit", "verify", folder=tmp_path)

    assert (run.returncode, run.stdout) == (0, "The audit log of sqlite:///confab.db has no row.\n")
    assert list(tmp_path.iterdir()) == []


async def test_each_chain_that_is_whole_is_told_with_its_head(heads, tmp_path):
    run = run_confab("audit", "verify", "--head", str(heads[HERE]), folder=tmp_path)

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        f"discord:1: 1 row, as they were written; the head is {heads[ELSEWHERE]}",
        f"slack:T024: 3 rows, as they were written; the head is {heads[HERE]}",
    ]


async def test_the_first_row_that_was_altered_is_named_with_exit_code_1(heads, tmp_path):
    alter(tmp_path, "UPDATE audit SET actor = 'U9' WHERE workspace = 'slack:T024' AND number > 1")

    run = run_confab("audit", "verify", folder=tmp_path)

    assert (run.returncode, run.stderr) == (1, "")
    assert run.stdout.splitlines()[1:3] == ["slack:T024: row 2 is not as it was written", ""]


async def test_a_row_that_is_not_utf_8_is_named_by_the_check_and_in_the_log(heads, settings, store, tmp_path, caplog):
    alter(tmp_path, "UPDATE audit SET details = CAST(x'ff41' AS TEXT) WHERE workspace = 'slack:T024' AND number = 3")

    run = run_confab("audit", "verify", folder=tmp_path)
    await HeadLog(store.audit).tell()

    assert run.returncode == 1
    assert run.stdout.splitlines()[1:3] == ["slack:T024: row 3 is not as it was written", ""]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "audit log: row 3 of slack:T024 was altered, or sealed with a key that is not here; see `confab audit verify`"
    ]


async def test_heads_are_looked_at_again_after_whatever_went_wrong(caplog):
    class Broken:
        async def heads(self):
            raise ValueError("a row of another kind")

    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await HeadLog(Broken()).run(sleep)

    assert [record.getMessage() for record in caplog.records] == [
        "the newest rows of the audit log could not be read; see `confab audit verify`"
    ] * 2


async def test_the_newest_rows_are_missed_by_who_knows_the_head(heads, settings, tmp_path):
    forged = AuditHead(HERE, 2, "ab" * 32)
    copied = tmp_path / "copy"
    copied.mkdir()
    backup(settings.database_url, str(copied / "confab.db"))
    alter(tmp_path, "DELETE FROM audit WHERE number > 1 OR workspace = 'discord:1'")

    assert (await verify_log(settings, []))[1]
    told, whole = await verify_log(settings, heads.values())
    assert (whole, told.splitlines()[:2]) == (
        False,
        ["discord:1: row 1 is missing, the newest", "slack:T024: rows 2 to 3 are missing, the newest"],
    )
    in_copy = chosen(database_url=f"sqlite:///{copied}/confab.db", confab_secret_key=read_key(tmp_path)).core
    assert (await verify_log(in_copy, heads.values()))[1]
    assert (await verify_log(in_copy, [forged]))[0].splitlines()[1] == (
        "slack:T024: row 2 is another one than was told before"
    )


def read_key(folder) -> str:
    return (folder / "confab.key").read_text().strip()


async def test_a_key_that_was_lost_is_told(heads, settings, tmp_path):
    key = tmp_path / "confab.key"
    key.rename(tmp_path / "kept")
    with pytest.raises(SettingsError, match=r"not set, and there is no file .*confab\.key"):
        await verify_log(settings, [])
    load_audit_keys(settings)  # as the next start does

    told, whole = await verify_log(settings, [])

    assert (whole, "slack:T024: row 1 is not as it was written" in told) == (False, True)
    both = chosen(
        database_url=settings.database_url, confab_secret_key=f"{read_key(tmp_path)},{(tmp_path / 'kept').read_text()}"
    )
    assert (await verify_log(both.core, []))[1]


async def test_more_rows_than_a_page_are_verified_and_exported(settings, store):
    for number in range(rules.PAGE + 1):
        await store.personas.change(Place(HERE), Persona(str(number)), number, "U1", NOON)

    assert (await verify_log(settings, []))[0].startswith(f"slack:T024: {rules.PAGE + 1} rows")
    numbers = [json.loads(line)["number"] async for line in export_log(settings, "")]
    assert numbers == list(range(1, rules.PAGE + 2))


async def test_the_export_is_a_line_of_json_for_each_row(heads, tmp_path):
    alter(tmp_path, "UPDATE audit SET details = 'x' WHERE workspace = 'discord:1'")
    run = run_confab("audit", "export", folder=tmp_path)
    of_one = run_confab("audit", "export", "--workspace", HERE, folder=tmp_path)

    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(row["workspace"], row["number"], row["actor"]) for row in rows] == [
        (ELSEWHERE, 1, "U2"),
        *((HERE, number, "U1") for number in (1, 2, 3)),
    ]
    assert (rows[0]["details"], rows[1]["details"]["system"]["length"]) == ("x", 1)
    assert rows[3]["mac"] == heads[HERE].mac
    assert of_one.stdout.splitlines() == run.stdout.splitlines()[1:]


async def test_an_export_without_a_row_names_the_workspaces_that_have_some(heads, tmp_path):
    run = run_confab("audit", "export", "--workspace", "slack:T0", folder=tmp_path)

    told = f"The audit log has no row of slack:T0. Workspaces that have some: {ELSEWHERE}, {HERE}.\n"
    assert (run.returncode, run.stdout, run.stderr) == (0, "", told)


@pytest.mark.parametrize("head", ["", "slack:T024", "slack:T024:x:y"])
def test_what_is_no_head_is_a_mistake_of_the_operator(tmp_path, head):
    run = run_confab("audit", "verify", "--head", head, folder=tmp_path)

    assert (run.returncode, run.stdout, run.stderr[:7]) == (2, "", "--head:")


async def test_heads_are_told_at_the_start_and_each_hour_where_they_are_new(heads, store, caplog):
    caplog.set_level(logging.INFO)
    told, pauses = HeadLog(store.audit), []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            await store.personas.change(Place(ELSEWHERE), Persona("y"), 1, "U2", NOON)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await told.run(sleep)

    newest = (await store.audit.heads())[0]
    assert pauses == [HOUR] * 3
    assert [record.getMessage() for record in caplog.records if record.name == "bots.ops.audit_log"] == [
        f"audit log, newest row: {head}" for head in (heads[ELSEWHERE], heads[HERE], newest)
    ]
    assert newest.number == 2


async def test_rows_of_a_key_that_is_not_here_are_an_error_in_the_log(heads, settings, caplog):
    other = await open_store(settings.database_url, keys=AuditKeys())
    await HeadLog(other.audit).tell()
    await other.shut()

    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        f"audit log: row {head.number} of {head.workspace} was altered, or sealed with a key that is not here; "
        "see `confab audit verify`"
        for head in heads.values()
    ]
