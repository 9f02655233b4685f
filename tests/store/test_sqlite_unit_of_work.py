"""Units of work, each for itself; how they share a transaction is told in test_sqlite_connection.py."""

import asyncio

import pytest
from sqlite_utils import Database

from core.store.sqlite.unit_of_work import Unit, transaction


@pytest.fixture
def db():
    opened = Database(memory=True)
    opened.execute("CREATE TABLE numbers (number)")
    yield opened
    opened.close()


@pytest.fixture
async def answered():
    return asyncio.get_running_loop().create_future()


def numbers(db) -> list[int]:
    return [number for (number,) in db.execute("SELECT number FROM numbers")]


def put(number):
    return lambda db: db.execute("INSERT INTO numbers VALUES (?)", [number]).rowcount


async def test_a_unit_that_nobody_waits_for_any_more_is_not_done(db, answered):
    unit = Unit(put(1), answered)
    answered.cancel()

    with transaction(db):
        unit.do(db, db)
    unit.resolve(lambda error: error)

    assert numbers(db) == []


async def test_a_unit_that_ended_while_its_caller_went_away_is_kept(db, answered):
    unit = Unit(put(1), answered)
    with transaction(db):
        unit.do(db, db)
    answered.cancel()
    unit.resolve(lambda error: error)

    assert numbers(db) == [1]


async def test_an_error_is_told_by_the_name_that_callers_know_with_its_cause(db, answered):
    def fails(db):
        put(1)(db)
        raise KeyError("a")

    unit = Unit(fails, answered)
    with transaction(db):
        unit.do(db, db)
    unit.resolve(lambda error: RuntimeError(f"named {error!r}"))

    error = answered.exception()
    assert (repr(error), repr(error.__cause__)) == ("RuntimeError(\"named KeyError('a')\")", "KeyError('a')")
    assert numbers(db) == []
