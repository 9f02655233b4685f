"""Vacuum: what was erased is gone from the file and its log.

Tests core.store.sqlite.vacuum.
"""

import random
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from core.billing.usage import Scope
from core.domain.messages import FinalText as Final
from core.domain.messages import History, Outcome
from core.store import open_store
from core.store.sqlite.connection import DatabaseThread
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, edited, message, said, thread

SOON = timedelta(milliseconds=50)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "confab.db"


@pytest.fixture
async def connection(path):
    connection = DatabaseThread(str(path), SOON)
    await connection.open()
    yield connection
    await connection.shut()


@pytest.fixture
async def kept(path, clock):
    store = await open_store(f"sqlite:///{path}", clock=clock)
    yield store
    await store.shut()


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
    await kept.questions.heartbeat("p")

    left = raw(path)
    assert [word for word in (b"zebra", b"filler") if word in left] == []
    assert b"words 51" in left


async def test_the_words_before_an_edit_are_gone_from_the_file_after_a_beat(kept, path):
    await crowd(kept, {50, 60, 70})

    for number in (50, 60, 70):
        await kept.questions.ingest(edited(str(number), f"now {number}", 900))
    await kept.questions.heartbeat("p")

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
    await connection.sweep(at_once=True)

    await kept.questions.close(claim, Outcome.WITHDRAWN)
    await kept.questions.heartbeat("p")

    assert b"zebra" not in raw(path)


async def test_what_was_forgotten_is_gone_from_the_file_at_once(kept, path, clock):
    await crowd(kept, set(range(1, 200, 7)))
    claim = await kept.questions.claim_next("p", PLATFORMS)
    await kept.questions.store_final_text(claim, Final(secret(900)))
    await kept.questions.close(claim, Outcome.SHOWN)
    clock.tick(1000)

    await kept.threads.forget(Scope("slack:T1", "C1", "1"))

    left = raw(path)
    assert [word for word in (b"zebra", b"filler", b"words 51") if word in left] == []


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

    await kept.questions.heartbeat("p")

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

    await kept.questions.heartbeat("p")

    left = raw(path)
    assert (b"zebra" in left, b"horse" in left) == (False, True)


async def test_what_a_reader_holds_back_is_swept_later(kept, path):
    await crowd(kept, {50})
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM messages").fetchone()
        await kept.questions.ingest(deleted("50"))
        await kept.threads.forget(Scope("slack:T9"))
        assert b"zebra" in raw(path)
        reader.rollback()

    await kept.threads.forget(Scope("slack:T9"))
    assert b"zebra" not in raw(path)


async def test_sweeping_takes_a_small_part_of_the_time(connection):
    await connection.unit(lambda sql: sql.insert("erasures", {"workspace": "w", "at": "x"}))
    await connection.sweep()
    await connection.unit(lambda sql: sql.insert("erasures", {"workspace": "w", "at": "x"}))

    await connection.sweep()
    rested = await connection.unit(lambda sql: sql.db.table("erasures").count)
    await connection.sweep(at_once=True)

    assert (rested, await connection.unit(lambda sql: sql.db.table("erasures").count)) == (1, 0)
