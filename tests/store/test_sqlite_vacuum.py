"""Vacuum: what was erased is gone from the file and its log.

Tests core.store.sqlite.vacuum.
"""

import asyncio
import itertools
import random
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.domain.messages import FinalText as Final
from core.domain.messages import History, Outcome
from core.store.sqlite.connection import DatabaseThread
from core.store.sqlite.unit_of_work import Unit
from core.store.sqlite.vacuum import sweep as sweep_steps
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, edited, message, said, thread

SOON = timedelta(milliseconds=50)


async def heartbeat(store):
    """A heartbeat, and the sweep that begins with it."""
    await store.questions.heartbeat("p")
    await store.questions._engine.finish_sweep()


async def sweep(connection):
    connection.sweep_soon()
    await connection.finish_sweep()


def erase(sql):
    sql.insert("erasures", {"workspace": "w", "at": "x"})


def count_erasures(sql):
    return sql.db.table("erasures").count


async def trace_statements(store):
    """The statements that SQLite carries out from now on."""
    statements: list[str] = []
    await store.threads._engine.unit(lambda sql: sql.db.conn.set_trace_callback(statements.append))
    return statements


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
    await kept.threads._engine.finish_sweep()

    left = raw(path)
    assert [word for word in (b"zebra", b"filler", b"words 51") if word in left] == []


async def test_forgotten_messages_without_an_answer_are_gone_from_the_file_soon_after(kept, path, clock):
    await crowd(kept, {50})
    await kept.questions.close(await kept.questions.claim_next("p", PLATFORMS), Outcome.NOT_FOR_US)
    clock.tick(1000)

    await kept.threads.forget(Scope("slack:T1", "C1", "1"))
    await kept.threads._engine.finish_sweep()

    assert b"zebra" not in raw(path)


async def test_forgotten_names_are_swept(kept):
    await kept.questions.ingest(asked("0"))
    await kept.threads.remember_names(KEY, {"U9": "zebra"})
    statements = await trace_statements(kept)

    await kept.threads.forget(Scope("slack:T1", person="U9"))
    await kept.threads._engine.finish_sweep()

    assert sum("VACUUM" in one for one in statements) == 1


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


async def test_sweeping_takes_a_small_part_of_the_time(connection):
    await connection.unit(erase)
    await sweep(connection)
    assert await connection.unit(count_erasures) == 0
    await connection.unit(erase)

    await sweep(connection)

    assert await connection.unit(count_erasures) == 1


async def test_forgetting_where_nothing_is_kept_sweeps_nothing(kept, clock):
    await crowd(kept, {50})
    statements = await trace_statements(kept)

    for number in range(40):
        await kept.questions.ingest(commanded(f"i{number}", "forget", thread("nothing"), when=at(2000 + number)))
        claim = await kept.questions.claim_next("p", PLATFORMS)
        while claim and claim.question.command is None:
            claim = await kept.questions.claim_next("p", PLATFORMS)
        assert await kept.threads.forget(Scope("slack:T1", "C1", "nothing")) == 0
        await kept.questions.store_final_text(claim, Final("Confab keeps nothing of this thread.", notice=True))
        await kept.questions.close(claim, Outcome.REFUSED)
        await heartbeat(kept)

    assert [one for one in statements if "VACUUM" in one] == []
    assert await kept.threads._engine.unit(count_erasures) == 0
    assert await kept.threads._engine.unit(lambda sql: sql.db.table("forgotten").count) == 1


async def test_many_things_forgotten_at_once_are_one_sweep(kept, clock):
    await crowd(kept, {50})
    for number in range(300, 340):
        await kept.questions.ingest(asked(str(number), thread(str(number))))
    clock.tick(1000)
    statements = await trace_statements(kept)

    counts = await asyncio.gather(
        *(kept.threads.forget(Scope("slack:T1", "C1", str(number))) for number in range(300, 340))
    )
    await kept.threads._engine.finish_sweep()

    assert counts == [1] * 40
    assert sum("VACUUM" in one for one in statements) == 1


async def test_a_sweep_under_way_is_ended_before_the_database_is_closed(path):
    connection = DatabaseThread(str(path), SOON)
    await connection.open()
    await connection.unit(erase)

    connection.sweep_soon()
    await connection.shut()

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM erasures").fetchone() == (0,)


@pytest.mark.parametrize(("looks", "left"), [(1, 1), (3, 1), (10**9, 0)], ids=["before", "amid", "never"])
async def test_a_sweep_is_given_up_as_soon_as_somebody_waits(connection, looks, left):
    """While SQLite rewrites so many notes, it looks often whether somebody waits."""
    rows = [{"name": f"{number}", "value": "x"} for number in range(50_000)]
    await connection.unit(lambda sql: sql.db.table("notes").insert_all(rows))
    await connection.unit(erase)
    looking = itertools.count(1)

    await connection._run(lambda: list(sweep_steps(connection._db, SOON, lambda: next(looking) >= looks)))

    assert await connection.unit(count_erasures) == left
    assert await connection.unit(lambda sql: sql.db.table("notes").count) == 50_000


async def test_a_sweep_that_is_overdue_gives_way_no_more():
    waiting = Unit(lambda sql: None, asyncio.get_running_loop().create_future())
    found = []
    for overdue in (timedelta(minutes=10), timedelta()):
        connection = DatabaseThread(":memory:", overdue=overdue)
        found.append(connection._gives_way())
        connection._waiting.append(waiting)
        found.append(connection._gives_way())
        connection._waiting.clear()
        await connection.shut()

    assert found == [False, True, False, False]
