"""What a question costs SQLite beside its reads and writes: nothing that was compiled is compiled anew for the next."""

import sqlite3
from datetime import timedelta

import pytest

from core.store.repositories import build_store
from core.store.rules.claims import STALE
from core.store.sqlite.connection import DatabaseThread
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.server import DiscordFake
from tests.support.discord_house import confab, settled

QUESTIONS = 4
# A column whose partial index has a literal must not be compared with a parameter as well: SQLite compiles such a
# statement each time that it is given values.
AGAIN = "SELECT sql, reprep FROM sqlite_stmt WHERE reprep >= :most AND sql NOT LIKE 'BEGIN%'"


def tells_compilations() -> bool:
    """Whether this SQLite has a table of its statements, as those of Debian and its kin do."""
    with sqlite3.connect(":memory:") as db:
        return ("ENABLE_STMTVTAB",) in db.execute("PRAGMA compile_options").fetchall()


@pytest.mark.skipif(not tells_compilations(), reason="this build of SQLite does not tell how often it compiles")
async def test_no_statement_of_a_question_is_compiled_anew_for_the_next(tmp_path):
    engine = DatabaseThread(str(tmp_path / "confab.db"), timedelta(seconds=5))
    await engine.open()
    store = build_store(engine, STALE)
    async with DiscordFake() as guild, ClaudeFake() as claude, confab(guild, claude, store) as running:
        key = await guild.start_thread("general", "a thread")
        for number in range(QUESTIONS):
            await guild.say("ada", key, f"<@{guild.me}> question {number}")
            await settled(guild, running)
        compiled = await engine.unit(lambda sql: sql.many("SELECT count(*) AS count FROM sqlite_stmt", {}))
        again = await engine.unit(lambda sql: sql.many(AGAIN, {"most": QUESTIONS}))
    await store.shut()

    assert len(claude.requests) >= QUESTIONS
    assert again == []
    assert compiled[0]["count"] > 128  # which Python's driver keeps unless it is told otherwise
