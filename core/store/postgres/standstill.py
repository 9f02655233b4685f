"""Transactions of processes that stand still: they are ended, where others wait for what they have locked."""

import asyncio
import logging
from datetime import timedelta

import psycopg

from core.store.postgres.connection import MILLISECOND, connect
from core.store.postgres.problems import explain
from core.store.sql_port import Unfit

# The server counts idle seconds only between what a process has sent to an end and what it sends next. It counts none
# where the process was stopped before that end, or before it had read all of an answer. Who only reads, as a backup
# does, or sends rows, as a move does, is let be.
END = """
WITH ours AS MATERIALIZED (
    SELECT pid, wait_event_type, backend_xid, state_change, query FROM pg_stat_activity
    WHERE datname = current_database() AND usename = session_user
    AND application_name = current_setting('application_name')
), waiting AS MATERIALIZED (
    SELECT pg_blocking_pids(pid) AS holders FROM ours WHERE wait_event_type = 'Lock'
), standing AS MATERIALIZED (
    SELECT pid FROM ours
    WHERE wait_event_type = 'Client' AND backend_xid IS NOT NULL AND query NOT LIKE 'COPY %%'
    AND state_change < clock_timestamp() - %s AND pid IN (SELECT unnest(holders) FROM waiting)
)
SELECT (SELECT count(*) FROM waiting), (SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM standing)
"""

PAUSE = 0.1  # between two looks, of how long one may stand still: one that was stopped may hold the next lock, too

log = logging.getLogger(__name__)


class StandstillWatch:
    """Looks for who stands still in a transaction for longer than `silence`, while anybody waits for its locks."""

    def __init__(self, url: str, name: str, silence: timedelta) -> None:
        self._url, self._name, self._silence = url, name, silence
        self._looking: asyncio.Task[None] | None = None

    def expect_end(self) -> asyncio.TimerHandle:
        """Begin to look, unless the unit of work that begins now ends before: then the timer is cancelled."""
        return asyncio.get_running_loop().call_later(self._silence.total_seconds(), self._look_soon)

    async def shut(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    def _look_soon(self) -> None:
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="look for transactions that stand still")

    async def _look(self) -> None:
        try:
            waiting = await asyncio.to_thread(self._end_standing)
            while waiting:
                await asyncio.sleep(self._silence.total_seconds() * PAUSE)
                waiting = await asyncio.to_thread(self._end_standing)
        except (psycopg.Error, Unfit) as error:
            log.warning("who stands still is not looked for in %s: %s", self._name, explain(error))
        finally:
            self._looking = None

    def _end_standing(self) -> int:
        """How many transactions of ours, on all machines, wait for others."""
        with connect(self._url) as connection, connection.transaction():  # whose end takes the limit away
            connection.execute(f"SET LOCAL statement_timeout = {self._silence // MILLISECOND}")
            waiting, ended = connection.execute(END, (self._silence,)).fetchone() or (0, 0)
        if ended:
            log.warning("ended %d transactions of processes that stand still, for whose locks others waited", ended)
        return int(waiting)
