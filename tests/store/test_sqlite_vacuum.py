"""Vacuum: what was erased is gone from the file and its log.

Tests core.store.sqlite.vacuum.
"""

import asyncio
import random
import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.domain.messages import FinalText as Final
from core.domain.messages import History, Outcome
from core.store.sqlite.connection import DatabaseThread
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, edited, message, said, thread

pytestmark = pytest.mark.slow

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


def count_sweeps(statements):
    """How many came to their end."""
    return sum(one.lower().startswith("delete from") and "erasures" in one for one in statements)


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

    assert count_sweeps(statements) == 1


async def test_a_private_question_is_gone_from_the_file_after_a_beat(kept, path):
    await crowd(kept, set())
    await kept.questions.ingest(asked(message("300", secret(1)), private=True, address='{"token": "zebra"}'))
    await kept.questions.ingest(commanded("i1", "persona set " + secret(2), private=True, values={"text": secret(3)}))
    for _ in range(3):
        claim = await kept.questions.claim_next("p", PLATFORMS)
        await kept.questions.record_page(claim, "400", at(400))
        command = claim.question.command is not None
        said = Final(secret(4) if claim.question.private else "public", notice=command)
        await kept.questions.store_final_text(claim, said)
        await kept.questions.close(claim, Outcome.CARRIED_OUT if command else Outcome.SHOWN)
    assert b"zebra" in raw(path)

    await heartbeat(kept)

    left = raw(path)
    assert [word for word in (b"zebra", b"filler") if word in left] == []


@pytest.mark.parametrize("place", [KEY, thread("7777")], ids=["a tracked thread", "an untracked one"])
@pytest.mark.parametrize("when", ["while it waits", "while it runs", "when it is answered"])
async def test_the_words_of_a_command_whose_message_was_deleted_are_gone(kept, path, place, when):
    await crowd(kept, set())
    await kept.questions.ingest(commanded("900", "persona set " + secret(2), place, values={"text": secret(3)}))
    if when == "while it waits":
        await kept.questions.ingest(deleted("900", place))
    claim = await claim_command(kept)
    if when == "while it runs":
        await kept.questions.ingest(deleted("900", place))
    if claim:
        await kept.questions.close(claim, Outcome.REFUSED)
    if when == "when it is answered":
        await kept.questions.ingest(deleted("900", place))
    assert (claim is None) is (when == "while it waits")

    await heartbeat(kept)

    assert b"zebra" not in raw(path)


async def test_the_words_of_a_refused_command_are_gone_in_an_untracked_thread(kept, path):
    await crowd(kept, set())
    line = "persona set " + secret(2)
    await kept.questions.ingest(commanded("900", line, thread("7777"), values={"text": secret(3)}))
    claim = await claim_command(kept)
    await kept.questions.store_final_text(claim, Final(f"Only managers can do that: {secret(4)}", notice=True))
    await kept.questions.close(claim, Outcome.REFUSED)

    await heartbeat(kept)

    assert claim.question.command == line
    assert b"zebra" not in raw(path)
    assert not (await kept.questions.ingest(commanded("900", line, thread("7777")))).question


async def claim_command(kept):
    """The command that waits, if there is one: commands come first."""
    claim = await kept.questions.claim_next("p", PLATFORMS)
    return claim if claim and claim.question.command is not None else None


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

    assert count_sweeps(statements) == 0
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
    assert count_sweeps(statements) == 1


async def test_a_sweep_under_way_is_ended_before_the_database_is_closed_and_done_after_the_next_start(path):
    connection = DatabaseThread(str(path), SOON)
    await connection.open()
    await connection.unit(erase)

    connection.sweep_soon()
    await connection.shut()

    again = DatabaseThread(str(path), SOON)
    await again.open()
    assert await again.unit(count_erasures) == 1
    await sweep(again)
    assert await again.unit(count_erasures) == 0
    await again.shut()


async def fill(connection, count):
    """So many messages of one thread, and as many closed questions."""

    def insert(sql):
        sql.execute("INSERT INTO workspaces (workspace) VALUES ('w')", {})
        place = {"workspace": "w", "channel": "c", "thread": "t"}
        sql.insert_new("threads", {**place, "begun_at": "x"})
        many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
        sql.execute(
            f"{many} INSERT INTO messages (workspace, channel, thread, message, author, text, at) "
            "SELECT 'w', 'c', 't', 'm' || i, 'u', 'words of message ' || i, 'x' FROM n",
            {"count": count},
        )
        sql.insert("erasures", {"workspace": "w", "at": "x"})

    await connection.unit(insert)


def texts(sql):
    return [row["text"] for row in sql.many("SELECT text FROM messages ORDER BY id", {})]


async def test_others_are_served_while_a_sweep_is_under_way_and_every_row_stays(connection):
    await fill(connection, 2_000)
    before, served = await connection.unit(texts), 0

    connection.sweep_soon()
    while connection._sweeping is not None:
        await connection.unit(lambda sql: sql.one("SELECT 1 AS one", {}))
        served += 1

    assert served > 10
    assert await connection.unit(texts) == before
    assert await connection.unit(count_erasures) == 0


async def test_the_pages_of_an_open_question_stay_its_own(connection, kept):
    await kept.questions.ingest(asked("1"))
    claim = await kept.questions.claim_next("p", PLATFORMS)
    await kept.questions.record_page(claim, "5", at(5))
    await connection.unit(erase)
    before = await connection.unit(lambda sql: sql.one("SELECT id FROM questions", {}))

    await sweep(connection)

    assert await connection.unit(lambda sql: sql.one("SELECT id FROM questions", {})) != before
    await kept.questions.record_page(claim, "6", at(6))
    resumed = await connection.unit(
        lambda sql: sql.many("SELECT page FROM pages JOIN questions ON questions.id = pages.question ORDER BY page", {})
    )
    assert [row["page"] for row in resumed] == ["5", "6"]
    await kept.questions.close(claim, Outcome.SHOWN)


@pytest.mark.reliability
async def test_a_sweep_of_a_million_messages_holds_nobody_up(connection):
    await fill(connection, 1_000_000)
    longest = 0.0

    connection.sweep_soon()
    while connection._sweeping is not None:
        began = time.monotonic()
        await connection.unit(erase)
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0.01)

    assert longest < 0.1
