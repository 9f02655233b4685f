"""Listener: hears by LISTEN what other processes announce, on a connection of its own, made again when it is lost."""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable

import psycopg
from psycopg import AsyncConnection, Notify, sql

from core.domain.backoff import grow_pause
from core.domain.messages import ThreadKey
from core.store.postgres.connection import write_address
from core.store.postgres.problems import explain
from core.store.postgres.sql_adapter import CHANNEL
from core.store.records.heartbeat import News, Topic
from core.store.sql_port import Unfit

FIRST, LONGEST = 0.5, 10.0  # seconds between two tries to connect
LATE = 5.0  # seconds after which what others tell would long have come

log = logging.getLogger(__name__)


class Listener:
    """Tells `hear` what others announce. `is_ours` knows the server processes of our own connections by their ids."""

    def __init__(self, url: str, name: str, is_ours: Callable[[int], bool], hear: Callable[[News], None]) -> None:
        self._url, self._name = url, name
        self._is_ours = is_ours
        self._hear = hear
        self._failures = 0

    async def run(self) -> None:
        """Listen until cancelled, however often the connection is lost."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError, Unfit) as error:
                self._failures += 1
                level = logging.WARNING if self._failures == 1 else logging.INFO
                log.log(level, "news of other processes is not heard from %s: %s", self._name, explain(error))
            self._hear(News(Topic.DEAF))
            await asyncio.sleep(grow_pause(max(1, self._failures), FIRST, LONGEST))

    async def _listen(self) -> None:
        """Until the connection is lost. Raises psycopg.Error."""
        connection = await AsyncConnection.connect(write_address(self._url), autocommit=True)
        late = asyncio.get_running_loop().call_later(LATE, self._warn)
        try:
            (channel,) = await (await connection.execute(f"SELECT {CHANNEL}")).fetchone() or ("",)
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            proof = await self._send_proof(channel)
            self._failures = 0
            async for one in connection.notifies():
                if one.payload == proof:
                    late.cancel()
                    self._hear(News(Topic.HEARING))
                else:
                    self._take(one)
        finally:
            late.cancel()
            await connection.close()

    async def _send_proof(self, channel: str) -> str:
        """What comes where we hear it, told as others tell us, over another connection: a pooler lets none pass."""
        proof = f"heard {secrets.token_hex(8)}"
        async with await AsyncConnection.connect(write_address(self._url), autocommit=True) as connection:
            await connection.execute("SELECT pg_notify(%s, %s)", (channel, proof))
        return proof

    def _warn(self) -> None:
        log.warning(
            "news of other processes does not come from %s, and is asked for: is it behind a pooler?", self._name
        )

    def _take(self, one: Notify) -> None:
        news = read_news(one.payload)
        if news and (news.topic is Topic.JOB or not self._is_ours(one.pid)):
            self._hear(news)


def read_news(payload: str) -> News | None:
    """What a notification says; None for one of a version that we don't know."""
    try:
        topic, process, *place = json.loads(payload)
        return News(Topic(topic), process, ThreadKey(*place) if any(place) else None)
    except (ValueError, TypeError):
        return None
