"""Migrations: a database of an older version opens, is brought up to date, and holds all that it held.

Tests core.store.sqlite.schema, core.store.sqlite.connection.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope, UsageRow
from core.domain.events import Receipt
from core.domain.messages import Asks, Attachment, FinalText, Message, ThreadKey
from core.domain.personas import Persona, Place, Version
from core.domain.usage import Usage
from core.store import backup, inspect, open_store
from core.store.sqlite.schema import migrations
from tests.support.talk import KEY, NOON, PLATFORMS, asked, at, deleted, edited, message, page, said, thread

ELEVEN = Path(__file__).parent / "data" / "eleven_migrations.sql"
DISCORD = ThreadKey("discord:G", "D1", "10")
TABLES = "SELECT type, name, tbl_name, sql FROM sqlite_master"


@pytest.fixture
def url(tmp_path):
    path = tmp_path / "confab.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(ELEVEN.read_text())
    return f"sqlite:///{path}"


def post(name: str, answers: str, **more) -> Message:
    """A page of ours as it was recorded, before the platform showed it to us."""
    return Message(name, "", "", at(float(name)), mine=True, answers=answers, **more)


async def test_threads_are_read_as_they_were(store):
    held = await store.threads.thread(KEY)
    plan = Attachment("F1", "plan.pdf", "application/pdf", 9, "https://files/1")

    assert held.messages == (
        message("1", "naïve <@U2> 🦊", attachments=(plan,)),
        page("5", "1", "the answer"),
        message("6", "better", "U2", edited=at(20)),
        message("41"),
    )
    assert (held.names, held.replies) == ({"U1": "Ann", "U2": "Bob"}, {"1": FinalText("the answer", after="1")})
    assert (await store.threads.thread(thread("30"))).messages == (message("30"), post("31", "30", notice=True))
    assert (await store.threads.thread(thread("60", "C2"))).messages == ()


async def test_a_branch_is_read_as_it_was(store):
    held = await store.threads.thread(DISCORD, "12")

    assert held.messages == (message("10"), post("11", "10"), message("12", parent="11"))
    assert held.replies == {"10": FinalText("first")}


async def test_tombstones_and_what_was_forgotten_still_hold(store):
    nothing = Receipt(new=False, ours=True, question=False, key=KEY)

    assert [await store.questions.ingest(event) for event in (said("7"), edited("7", "x", 950), deleted("7"))] == [
        nothing
    ] * 3
    assert not (await store.questions.ingest(asked("61", thread("60", "C2")))).new


async def test_what_was_asked_is_claimed_and_what_was_answered_is_not(store, clock):
    clock.now = at(200)
    claims = [await store.questions.claim_next("q", PLATFORMS) for _ in range(6)]

    found = {one.question.name: one for one in claims if one}
    assert sorted(found) == ["12", "40", "41", "42", "i1"]
    assert (found["12"].resumed, found["12"].pages, found["12"].question.address) == (True, ("14",), '{"token": "t"}')
    assert (found["41"].question.asks, found["42"].question.private) == (Asks.PERHAPS, True)
    assert (found["i1"].question.command, found["i1"].question.values) == ("persona set", {"model": "claude-c"})
    assert not (await store.questions.ingest(asked("50", thread("50")))).question


async def test_a_claim_of_a_process_that_lives_is_not_taken_over(store):
    assert [await store.questions.claim_next("q", ["discord"]), await store.questions.count_open()] == [
        None,
        (5, at(12)),
    ]


async def test_the_ledger_says_what_it_said(store):
    used = Usage(11, 20, 5, 1, 2, 3, 1)

    assert await store.ledger.sum_usage(Scope("slack:T1"), NOON, "person") == [
        UsageRow("U1", requests=2, died=0, usage=used, micro_usd=1500, saved=40),
        UsageRow("U3", requests=1, died=1, usage=Usage(10, 10), micro_usd=300),
    ]
    assert await store.ledger.sum_usage(Scope("discord:G"), NOON, "model") == [
        UsageRow("claude-a", requests=1, died=1, usage=Usage(100, 50), micro_usd=500)
    ]
    assert await store.ledger.workspaces() == ["discord:G", "slack:T1"]


async def test_budgets_stand_as_they_stood(store):
    of_all = Budget(Scope("slack:T1"), Period.MONTH, 1_000, "Europe/Berlin", "U9", NOON, 1)
    raised = Budget(Scope("slack:T1"), Period.MONTH, 2_000, "Europe/Berlin", "U9", at(70), 2)
    of_one = Budget(Scope("slack:T1", "C1", person="U1"), Period.DAY, 5_000, "Europe/Berlin", "U9", at(71), 3)

    held = await store.ledger.budgets("slack:T1", at(100))

    assert held.changes == (of_one, raised, of_all)
    assert [(one.budget, one.spent) for one in held.statuses] == [(of_one, 1500), (raised, 1800)]


async def test_personas_and_notes_are_what_they_were(store):
    pirate = Persona("You are a pirate 🏴‍☠️", "claude-a", "high", 500, "adaptive", 0.5, "thread")

    assert await store.personas.versions(Place("slack:T1")) == [
        Version(Place("slack:T1"), 2, Persona(), "U2", at(2)),
        Version(Place("slack:T1"), 1, pirate, "U1", at(1)),
    ]
    assert (await store.personas.persona(Place("slack:T1", "C1"))).persona == Persona("Be brief.")
    assert [await store.notes.get(name) for name in ("commands", "models", "none")] == ["abc", "{}", None]


async def test_a_database_is_migrated_once(url):
    for _ in range(2):
        await (await open_store(url)).shut()

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
        names = [name for (name,) in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
        assert len(names) == len(set(names))
        assert names[:3] == ["threads", "messages", "search"]
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_an_old_database_is_inspected_and_copied_as_it_is(url, tmp_path):
    condition = await inspect(url)
    copied = backup(url, str(tmp_path / "copy.db"))

    assert (condition.version, condition.newest > 11, condition.waiting, condition.oldest) == (11, True, 5, at(12))
    assert (copied.rows["messages"], copied.rows["questions"]) == (16, 10)
    assert (await inspect(f"sqlite:///{tmp_path}/copy.db")).version == 11


async def test_a_new_database_has_the_same_tables_as_one_that_had_every_migration(tmp_path):
    await (await open_store(f"sqlite:///{tmp_path}/new.db")).shut()
    with Database(memory=True) as migrated, closing(sqlite3.connect(tmp_path / "new.db")) as new:
        migrations.apply(migrated)
        wanted, made = [sorted(db.execute(TABLES).fetchall()) for db in (migrated, new)]
        names = [db.execute("SELECT id, name FROM _sqlite_migrations").fetchall() for db in (migrated, new)]

    assert made == wanted
    assert names[0] == names[1]
    assert len(wanted) > 40
