"""The audit log: each change leaves its row or neither is there, and whatever is done to the rows is seen.

Tests core.store.places.audit, core.store.audit_log.
"""

import asyncio
from dataclasses import asdict
from datetime import timedelta

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import DIRECT, Scope
from core.domain.errors import VersionConflict
from core.domain.events import WorkspaceEnded
from core.domain.personas import Example, Persona, Place, Version
from core.store import open_store, postgres, sqlite
from core.store.audit_log import SEALED, AuditAction, AuditEntry, AuditFault, AuditHead, AuditKeys, fingerprint
from core.store.places import audit, budgets, personas
from core.store.repositories import AuditRepository, build_store
from core.store.rules import ingest
from core.store.rules.forget import forget
from tests.support.talk import NOON, asked, at, message

OLD, NEW, OTHER = (bytes([number]) * 32 for number in range(3))
HERE, ELSEWHERE = "slack:T1", "slack:T2"
LONG = timedelta(seconds=30)


@pytest.fixture
async def engine(url, clock):
    """The engine of an empty database, so that rows can be altered behind the store's back."""
    backend = postgres if url.startswith("postgres") else sqlite
    opened = await backend.open_engine(url, clock, LONG, AuditKeys([OLD]), clock)
    yield opened
    await opened.shut()


@pytest.fixture
def kept(engine):
    return build_store(engine, LONG)


def set_budget(micro_usd=1_000_000, scope=Scope(HERE), seconds=3) -> Budget:  # noqa: B008  frozen
    return Budget(scope, Period.MONTH, micro_usd, "Europe/Berlin", "U2", at(seconds))


async def change_four_times(store) -> None:
    """A persona, its effort, a budget, and words that are erased."""
    await store.personas.change(Place(HERE, "C1"), Persona("Be a pirate.", "claude-a"), 0, "U1", at(1))
    await store.personas.change(Place(HERE, "C1"), Persona("Be a pirate.", effort="low"), 1, "U1", at(2))
    await store.ledger.allow(set_budget(), 0)
    await store.threads.forget(Scope(HERE, "C1", "1", "U3"), "U3")


async def find_faults(store) -> dict[str, int]:
    """Of each workspace's chain that is not whole, the first row that is missing or altered."""
    found = {}
    for newest in await store.audit.heads():
        head = AuditHead(newest.workspace)
        while (step := await store.audit.verify(head)) != head and isinstance(step, AuditHead):
            head = step
        if isinstance(step, AuditFault):
            found[newest.workspace] = step.number
    return found


async def alter(engine, statement, **values) -> None:
    await engine.unit(lambda sql: sql.execute(statement, values))


async def test_each_change_is_a_row_of_ids_numbers_and_hashes(kept, clock):
    clock.now = at(9)
    await kept.questions.ingest(asked(message("1", "my secret")))
    await change_four_times(kept)
    await kept.personas.change(Place(HERE), Persona(temperature=0.5), 0, "U1", at(1))
    await kept.personas.change(Place(HERE), Persona(), 1, "U1", at(1))
    await kept.ledger.allow(set_budget(None), 1)
    await kept.ledger.allow(set_budget(5, Scope(HERE, person="U9")), 0)
    await kept.ledger.allow(set_budget(5, Scope(HERE, DIRECT)), 0)
    await kept.threads.forget(Scope(HERE, "C1", "1"))

    rows = await kept.audit.page(HERE, 0)

    told = [(row.number, row.at[17:19], row.actor, row.action, row.channel, row.thread, row.subject) for row in rows]
    assert told == [
        (1, "01", "U1", "persona.set", "C1", None, "1"),
        (2, "02", "U1", "persona.tune", "C1", None, "2"),
        (3, "03", "U2", "budget.set", None, None, ""),
        (4, "09", "U3", "forget", "C1", "1", "U3"),
        (5, "01", "U1", "persona.tune", None, None, "1"),
        (6, "01", "U1", "persona.clear", None, None, "2"),
        (7, "03", "U2", "budget.clear", None, None, ""),
        (8, "03", "U2", "budget.set", None, None, "U9"),
        (9, "03", "U2", "budget.set", None, None, "@direct"),
        (10, "09", "operator", "forget", "C1", "1", ""),
    ]
    assert [row.read_details() for row in rows] == [
        {"system": fingerprint("Be a pirate."), "model": "claude-a"},
        {"model": None, "effort": "low"},
        {"change": 1, "period": "month", "micro_usd": 1_000_000, "zone": "Europe/Berlin"},
        {"messages": 0},
        {"temperature": 0.5},
        {"temperature": None},
        {"change": 2, "period": "month"},
        {"change": 3, "period": "month", "micro_usd": 5, "zone": "Europe/Berlin"},
        {"change": 4, "period": "month", "micro_usd": 5, "zone": "Europe/Berlin"},
        {"messages": 1},
    ]
    assert await find_faults(kept) == {}


async def test_each_trait_of_a_persona_that_is_no_choice_is_hashed(kept):
    strange = Persona(
        **dict.fromkeys(Persona.__dataclass_fields__, "words")
        | {"max_tokens": 1, "context_tokens": 1, "temperature": 0.5}
        | {"knowledge": None, "examples": (Example("words", ("words",)),)}
    )

    await kept.personas.change(Place(HERE), strange, 0, "U1", at(1))

    [row] = await kept.audit.page(HERE, 0)
    told = row.read_details()
    chosen = {trait: value for trait, value in told.items() if trait in personas.CHOICES}
    assert chosen == dict.fromkeys(personas.CHOICES, "words") | {
        "max_tokens": 1,
        "context_tokens": 1,
        "temperature": 0.5,
    }
    hidden = {trait: value for trait, value in told.items() if trait not in personas.CHOICES}
    assert hidden.keys() == set(Persona.__dataclass_fields__) - personas.CHOICES - {"knowledge"}  # that is attached
    assert hidden["system"] == fingerprint("words")
    assert [value for value in hidden.values() if value.keys() != fingerprint("").keys()] == []


async def test_the_end_of_an_installation_is_told_once(kept):
    await kept.questions.ingest(asked("1"))
    for seconds in (500, 500, 400, 600):
        await kept.questions.ingest(WorkspaceEnded("Ev1", HERE, at(seconds)))

    rows = await kept.audit.page(HERE, 0)

    assert [(row.action, row.actor, row.at[14:19], row.details) for row in rows] == [
        ("installation.ended", "platform", "08:20", '{"withdrawn":1}'),
        ("installation.ended", "platform", "10:00", '{"withdrawn":0}'),
    ]


async def test_rows_are_listed_newest_first_by_place_and_page(kept):
    for number in range(25):
        await kept.personas.change(Place(HERE, "C1"), Persona(str(number)), number, "U1", at(number))
    await kept.personas.change(Place(HERE, "C2"), Persona(), 0, "U1", at(1))
    await kept.personas.change(Place(HERE), Persona(), 0, "U1", at(1))
    await kept.personas.change(Place(ELSEWHERE, "C1"), Persona(), 0, "U1", at(1))

    first = await kept.audit.newest(HERE, "C1")
    second = await kept.audit.newest(HERE, "C1", first[-1].number)

    assert [row.number for row in (*first, *second)] == list(range(25, 0, -1))
    assert len(first) == audit.LISTED
    assert [row.number for row in await kept.audit.newest(HERE, None)] == [27]
    assert [(head.workspace, head.number) for head in await kept.audit.heads()] == [(HERE, 27), (ELSEWHERE, 1)]


async def test_whichever_column_of_whichever_row_is_altered_the_row_is_named(kept, engine):
    await change_four_times(kept)
    rows = await kept.audit.page(HERE, 0)
    forged = {"number": 104, "at": "2026-11-20T12:00:00.000000Z", "details": "{}", "mac": "ab" * 32}

    found = {}
    for row in rows:
        for column in (*SEALED, "mac"):
            before = asdict(row)
            now = {**before, column: forged.get(column, "forged")}
            where = " AND ".join(f"{name} = :old_{name}" for name in ("workspace", "number"))
            change = f"UPDATE audit SET {column} = :value WHERE {where}"
            await alter(engine, change, value=now[column], old_workspace=HERE, old_number=row.number)
            found[row.number, column] = min((await find_faults(kept)).values(), default=None)
            back = {"value": before[column], "old_workspace": now["workspace"], "old_number": now["number"]}
            await alter(engine, change, **back)

    assert len(found) == 40
    assert {place: number for place, number in found.items() if number not in (place[0], 1)} == {}
    assert {place for place, number in found.items() if number != place[0]} <= {(n, "workspace") for n in (2, 3, 4)}
    assert await find_faults(kept) == {}


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("DELETE FROM audit WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number IN (2, 3)", 2),
        ("UPDATE audit SET number = CASE number WHEN 2 THEN 12 ELSE 13 END WHERE number IN (2, 3)", 2),
        (
            "INSERT INTO audit SELECT workspace, 5, at, actor, action, channel, thread, subject, details, mac FROM audit "
            "WHERE number = 4",
            5,
        ),
        (
            "INSERT INTO audit SELECT workspace, 0, at, actor, action, channel, thread, subject, details, mac FROM audit "
            "WHERE number = 4",
            0,
        ),
    ],
    ids=["first gone", "middle gone", "two gone", "moved", "copy at the end", "copy before the first"],
)
async def test_rows_that_were_taken_away_or_put_in_are_seen(kept, engine, statement, first):
    await change_four_times(kept)

    await alter(engine, statement)

    assert await find_faults(kept) == {HERE: first}


async def test_rows_that_were_swapped_or_closed_up_are_seen(kept, engine):
    await change_four_times(kept)
    for before, after in ((2, 99), (3, 2), (99, 3)):
        await alter(engine, "UPDATE audit SET number = :after WHERE number = :before", before=before, after=after)
    swapped = await find_faults(kept)
    await alter(engine, "DELETE FROM audit WHERE number = 2")
    for before in (3, 4):
        await alter(engine, "UPDATE audit SET number = :before - 1 WHERE number = :before", before=before)

    assert (swapped, await find_faults(kept)) == ({HERE: 2}, {HERE: 3})


async def test_a_row_that_was_once_there_under_the_same_number_does_not_continue_the_chain(kept, engine):
    """Of a database that was restored, one has two rows of the same number, each sealed by us."""
    await change_four_times(kept)
    old = (await kept.audit.page(HERE, 1))[0]
    await alter(engine, "DELETE FROM audit WHERE number > 1")
    for seconds in (5, 6):
        await kept.threads.forget(Scope(HERE, "C1", "1"), f"U{seconds}")
    assert await find_faults(kept) == {}

    await alter(engine, "DELETE FROM audit WHERE number = 2")
    await engine.unit(lambda sql: sql.insert("audit", asdict(old)))

    assert await find_faults(kept) == {HERE: 3}


async def test_a_chain_of_another_workspace_is_not_this_one_s(kept, engine):
    await change_four_times(kept)

    await alter(engine, "UPDATE audit SET workspace = 'slack:T2'")

    assert await find_faults(kept) == {ELSEWHERE: 1}


async def test_keys_rotate_and_a_wrong_one_verifies_nothing(engine, url, clock):
    await change_four_times(build_store(engine, LONG))

    async def check(*secrets: bytes) -> dict[str, int]:
        """Verify with other keys the rows of the same database."""

        def rekeyed(work):
            def run(sql):
                kept, sql.keys = sql.keys, AuditKeys(secrets)
                try:
                    return work(sql)
                finally:
                    sql.keys = kept

            return run

        class Rekeyed:
            async def unit(self, work, **_patience):
                return await engine.unit(rekeyed(work))

        class Only:
            audit = AuditRepository(Rekeyed())

        if secrets[0] == NEW:
            entry = AuditEntry(HERE, NOON, "U1", AuditAction.FORGET)
            await Rekeyed().unit(lambda sql: audit.record_audit(sql, entry))
        return await find_faults(Only())

    assert await check(OTHER) == {HERE: 1}
    assert await check(OLD) == {}
    assert await check(NEW, OLD) == {}
    assert await check(OLD, NEW) == {}
    assert await check(OLD) == {HERE: 5}


class Failing:
    """A port that fails at the row of the audit log, or right after it."""

    def __init__(self, sql, after):
        self._sql, self._after = sql, after

    def __getattr__(self, name):
        return getattr(self._sql, name)

    def insert(self, table, row):
        if table == "audit" and not self._after:
            raise ArithmeticError
        self._sql.insert(table, row)
        if table == "audit":
            raise ArithmeticError


CHANGES = {
    "personas": lambda sql: personas.change_persona(sql, Version(Place(HERE), 1, Persona("x"), "U1", at(1))),
    "budgets": lambda sql: budgets.change_budget(sql, set_budget(), 0, "UTC"),
    "forgotten": lambda sql: forget(sql, Scope(HERE, "C1"), "U1"),
    "questions": lambda sql: ingest.ingest_event(sql, WorkspaceEnded("e", HERE, at(600))),
}
COUNT = "SELECT count(*) AS count FROM {} WHERE {}"


@pytest.mark.parametrize("after", [False, True], ids=["before the row", "after the row"])
@pytest.mark.parametrize("table", CHANGES)
async def test_a_unit_that_fails_leaves_neither_the_change_nor_its_row(kept, engine, table, after):
    await kept.questions.ingest(asked("1"))
    changed = "outcome IS NOT NULL" if table == "questions" else "TRUE"

    with pytest.raises(ArithmeticError):
        await engine.unit(lambda sql: CHANGES[table](Failing(sql, after)))

    async def count(name: str, where: str) -> int:
        return (await engine.unit(lambda sql: sql.one(COUNT.format(name, where), {})))["count"]

    assert (await count(table, changed), await count("audit", "TRUE")) == (0, 0)
    await engine.unit(CHANGES[table])
    assert (await count(table, changed), await count("audit", "TRUE")) == (1, 1)


async def test_a_change_that_is_refused_leaves_no_row(kept):
    with pytest.raises(VersionConflict):
        await kept.personas.change(Place(HERE), Persona("x"), 5, "U1", at(1))
    with pytest.raises(VersionConflict):
        await kept.ledger.allow(set_budget(), 5)

    assert await kept.audit.heads() == []


async def test_changes_of_two_processes_at_the_same_time_make_one_chain(shared_url):
    stores = [await open_store(shared_url, busy=LONG, keys=AuditKeys([OLD])) for _ in range(2)]

    changes = [
        store.personas.change(Place(HERE, f"C{number}"), Persona(str(number)), 0, "U1", at(number))
        if number % 2
        else store.ledger.allow(set_budget(number, Scope(HERE, f"C{number}")), 0)
        for number, store in enumerate(stores * 100)
    ]
    await asyncio.gather(*changes)

    assert [(head.workspace, head.number) for head in await stores[0].audit.heads()] == [(HERE, 200)]
    assert await find_faults(stores[1]) == {}
    for store in stores:
        await store.shut()
