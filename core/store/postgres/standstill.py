"""Transactions of processes that stand still: they are ended, where others wait for what they have locked."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import Connection

from core.store.postgres.connection import MILLISECOND, connect
from core.store.postgres.problems import explain
from core.store.sql_port import Unfit

UNREAD = 4  # times as long as others: who reads a large answer over a slow line lives, and the server can't tell
PAUSE = 0.1  # between two looks, of how long one may stand still: one that was stopped may hold the next lock, too

# The server counts idle seconds only between what a process has sent to an end and what it sends next. It counts none
# where the process was stopped before that end, or before it had read all of an answer. Who only reads, as a backup
# does, or sends rows, as a move does, is let be.
OURS = """
WITH ours AS MATERIALIZED (
    SELECT pid, wait_event_type, wait_event, backend_xid, query, clock_timestamp() - state_change AS since
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = session_user
    AND application_name = current_setting('application_name')
), waiting AS MATERIALIZED (
    SELECT pid, since FROM ours WHERE wait_event_type = 'Lock'
), standing AS MATERIALIZED (
    SELECT pid, CASE wait_event WHEN 'ClientWrite' THEN since / %(unread)s ELSE since END AS since FROM ours
    WHERE wait_event_type = 'Client' AND backend_xid IS NOT NULL AND query NOT LIKE 'COPY %%'
)
"""
LOOK = """
SELECT EXISTS (SELECT FROM waiting) AND EXISTS (SELECT FROM standing WHERE since > %(silence)s),
    EXISTS (SELECT FROM waiting WHERE since > %(silence)s)
    OR EXISTS (SELECT FROM waiting) AND EXISTS (SELECT FROM standing WHERE since > %(silence)s * %(pause)s)
"""
# To learn who blocks whom stops the server's locks for a moment: it is asked only where somebody may be ended.
END = """, holding AS MATERIALIZED (
    SELECT unnest(pg_blocking_pids(pid)) AS pid FROM waiting
)
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM standing
WHERE since > %(silence)s AND pid IN (SELECT pid FROM holding)
"""

log = logging.getLogger(__name__)


class StandstillWatch:
    """Looks for who stands still in a transaction for longer than `silence`, while anybody waits for its locks."""

    def __init__(self, url: str, name: str, silence: timedelta) -> None:
        self._url, self._name, self._silence = url, name, silence
        self._looking: asyncio.Task[None] | None = None
        self._open = True

    def expect_end(self) -> asyncio.TimerHandle:
        """Begin to look, unless the unit of work that begins now ends before: then the timer is cancelled."""
        return asyncio.get_running_loop().call_later(self._silence.total_seconds(), self._look_soon)

    async def shut(self) -> None:
        """A look that is under way ends first: its connection is in use."""
        self._open = False
        if self._looking is not None:
            await asyncio.wait([self._looking])

    def _look_soon(self) -> None:
        if self._looking is None and self._open:
            self._looking = asyncio.create_task(self._look(), name="look for transactions that stand still")

    async def _look(self) -> None:
        try:
            with closing(await asyncio.to_thread(connect, self._url)) as connection:
                soon = await asyncio.to_thread(end_standing, connection, self._silence)
                while soon and self._open:
                    await asyncio.sleep(self._silence.total_seconds() * PAUSE)
                    soon = await asyncio.to_thread(end_standing, connection, self._silence)
        except (psycopg.Error, Unfit) as error:
            log.info("who stands still is not looked for in %s: %s", self._name, explain(error))
        finally:
            self._looking = None


def end_standing(connection: Connection[Any], silence: timedelta) -> bool:
    """End transactions of ours, on all machines, that stand still while others of ours wait for them.

    Returns whether another look is of use soon: one that waits has waited for long, or another one may stand still.
    """
    some, soon = _ask(connection, LOOK, silence)
    ended = _ask(connection, END, silence)[0] if some else 0
    if ended:
        log.warning("ended %d transactions of processes that stand still, for whose locks others waited", ended)
    return bool(soon)


def _ask(connection: Connection[Any], statement: str, silence: timedelta) -> Sequence[Any]:
    """What the server says just now: it looks at its sessions once in a transaction."""
    values = {"silence": silence, "unread": UNREAD, "pause": PAUSE}
    with connection.transaction():  # whose end takes the limit away
        connection.execute(f"SET LOCAL statement_timeout = {silence // MILLISECOND}")
        return connection.execute(OURS + statement, values).fetchone() or ()
