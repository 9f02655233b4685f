"""Schedules in the terminal: what is due while it is open is said there, and what nobody was there for is skipped.

Tests bots.console.adapter, bots.app.run.
"""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

from core.domain.clock import system_clock
from core.store.sql_port import stamp
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.support.terminal_chat import chat, said
from tests.support.waiting import PATIENCE

ADD = '/schedule add "0 9 1 1 *" Say it.'
DIGEST = "/schedule add every day at 9 summarize"


def make_due(folder, ago: timedelta) -> None:
    """The schedule is due since then."""
    with closing(sqlite3.connect(folder / "confab.db")) as db, db:
        db.execute("UPDATE schedules SET due_at = ?", (stamp(system_clock() - ago),))


async def test_what_is_due_is_said_in_the_terminal_that_is_open(environment, tmp_path):
    async with ClaudeFake() as claude:
        claude.answer = lambda _body: Answer(text="Good morning.")
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        added = await said(environment, tmp_path, ADD)
        make_due(tmp_path, timedelta(seconds=5))
        async with chat(environment, tmp_path) as process, asyncio.timeout(PATIENCE):
            shown = await process.stdout.readuntil(b"Good morning.")
            process.stdin.close()
            await process.wait()

    assert (
        "Schedule 1: at 09:00 on January 1, in the time of UTC (`zone=` before the times names another), I post here what Claude answers to `Say it.`."
        in added
    )
    assert "Schedule 1 of " in shown.decode()
    assert "`Say it.`, at 09:00 on January 1, by ada" in shown.decode()


async def test_what_nobody_was_there_for_is_skipped_and_listed_so(environment, tmp_path):
    await said(environment, tmp_path, ADD)
    make_due(tmp_path, timedelta(minutes=61))

    await said(environment, tmp_path, "hello")
    shown = await said(environment, tmp_path, "/schedule list")

    assert "was skipped, more than an hour late" in shown
    assert "Schedule 1 of " not in shown


async def test_a_digest_is_refused_where_there_is_no_channel_to_read(environment, tmp_path):
    shown = await said(environment, tmp_path, DIGEST)

    assert "There is no channel here that could be read." in " ".join(shown.split())
