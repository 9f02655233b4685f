"""Membership: the servers that we are in, written down, so that each that we leave is ended once and wholly."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TypeVar

import discord

from bots.delivery.at_least_once import persist
from bots.discord.admission import split_portions
from bots.discord.client import Rest
from bots.discord.errors import retry_call
from bots.discord.parse import WORKSPACE, Json
from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.errors import ConfabError, StoreUnavailable
from core.domain.events import Ingest, WorkspaceEnded
from core.store.records.installations import Installation, Installations

AT_ONCE = 50  # servers that are written down side by side

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Membership:
    """Keeps a row for each server that we are in. `erase`: when one ends, every word of it is erased.

    A new session's shard says which servers it has, those in an outage too. What was written down of that shard and is
    not among them was left while nobody heard of it; it is ended once Discord says so again. Rows of another bot are
    left alone.
    """

    def __init__(
        self,
        ingest: Ingest,
        client: Callable[[], discord.Client],
        rest: Rest,
        installations: Installations,
        *,
        erase: bool = False,
        pause: Sleep = asyncio.sleep,
    ) -> None:
        self._ingest = ingest
        self._client = client
        self._rest = rest
        self._installations = installations
        self._erase = erase
        self._pause = pause
        self._servers: set[int] = set()
        """Those that we are in, as far as the gateway has told."""
        self._unwritten: set[int] = set()
        """Those that we are in or were, as the gateway has told, and that may have no row yet."""
        self._writing = asyncio.Lock()
        """Held until the rows are as the gateway says, or an end would find no row."""
        self._reviews: dict[int, asyncio.Task[None]] = {}
        """By shard, what its newest session began."""

    def __contains__(self, server: str) -> bool:
        return int(server) in self._servers

    @property
    def _us(self) -> str:
        """Whose rows are ours: also in a session that another process began, whose READY we never see."""
        user = self._client().user
        assert user is not None
        return str(user.id)

    def begin_review(self, payload: Json, at: datetime) -> None:
        """Take over the servers of a shard's new session, and look for those that we have left."""
        shard, count = payload.get("shard") or (0, 1)
        listed = {int(one["id"]) for one in payload["guilds"]}
        self._servers = {one for one in self._servers if (one >> 22) % count != shard} | listed
        self._unwritten |= listed
        if former := self._reviews.get(shard):
            former.cancel()
        review = asyncio.create_task(self._review(shard, count, at), name=f"servers of {shard}")
        review.add_done_callback(_report_failure)
        self._reviews[shard] = review

    def note(self, server: str, *, inside: bool) -> None:
        """The gateway says that we are in a server now, or not any more; what that changes is written down later."""
        if inside:
            self._servers.add(int(server))
            self._unwritten.add(int(server))
        else:
            self._servers.discard(int(server))

    async def join(self, server: str, at: datetime) -> None:
        """We are in one more server, which was noted."""
        async with self._writing:
            known = await self._retry(lambda: self._installations.find(WORKSPACE.format(server)))
            if known is None or known.identity != self._us:
                await self._write([int(server)], at)
            else:
                self._unwritten.discard(int(server))

    async def leave(self, server: str, at: datetime) -> None:
        """End a server that we are no longer in: of several processes that hear of it one does.

        It is one unit of work. Who dies before it finds the row at the next start. One that was left before it was
        written down is written down first, to end like any other. What another bot serves goes on.
        """
        workspace = WORKSPACE.format(server)
        async with self._writing:
            known = await self._retry(lambda: self._installations.find(workspace))
            if known is None and int(server) in self._unwritten:
                known = await self._write_one(int(server), at)
            self._unwritten.discard(int(server))
            ours = known is not None and known.identity == self._us
            ended = ours and await self._retry(lambda: self._installations.end(workspace, at, erase=self._erase))
        if ended:
            log.info("no longer in %s; its words are %s", workspace, "erased" if self._erase else "kept")
            await persist(self._ingest, WorkspaceEnded(f"left {workspace}", workspace, at), self._pause)

    def is_reviewing(self, shard: int) -> bool:
        """Whether servers that were left while nobody heard of it are still looked for in a shard."""
        review = self._reviews.get(shard)
        return review is not None and not review.done()

    async def stop(self) -> None:
        for review in self._reviews.values():
            review.cancel()
        await asyncio.gather(*self._reviews.values(), return_exceptions=True)

    async def _review(self, shard: int, count: int, at: datetime) -> None:
        """Write down the servers that are new, and end those of the same shard that we are not in any more."""
        async with self._writing:
            rows = await self._retry(lambda: self._installations.list("discord"))
            known = {int(row.workspace.partition(":")[2]): row for row in rows if row.identity == self._us}
            self._unwritten -= known.keys()
            told = known.keys() | self._unwritten
            ours = {one for one in told if (one >> 22) % count == shard}
            await self._write(sorted(ours & self._unwritten), at)
        for server in sorted(ours - self._servers):
            if await self._has_left(server):
                await self.leave(str(server), at)

    async def _has_left(self, server: int) -> bool:
        """Whether Discord says, asked once more, that we are not in a server; the library then forgets it too."""
        try:
            inside = await retry_call(lambda: self._rest.is_in_server(str(server)), self._pause)
        except (discord.DiscordException, ConfabError) as error:
            log.warning("whether we are still in server %d is not known: %s", server, error)
            return False
        if inside or server in self._servers:
            return False
        client = self._client()
        if known := client.get_guild(server):
            client._connection._remove_guild(known)
        return True

    async def _write(self, servers: Iterable[int], at: datetime) -> None:
        """Write down that we are in these servers, as far as that is still so."""
        for few in split_portions([one for one in servers if one in self._servers], AT_ONCE):
            await asyncio.gather(*(self._write_one(one, at) for one in few))

    async def _write_one(self, server: int, at: datetime) -> Installation:
        row = Installation(WORKSPACE.format(server), self._us, sealed="", by="", at=at)
        written = await self._retry(lambda: self._installations.install(row))
        self._unwritten.discard(server)
        return written

    async def _retry(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        return await backoff.retry(work, StoreUnavailable, self._pause, report=_report_waiting)


def _report_failure(review: asyncio.Task[None]) -> None:
    """A bug in a review ends nothing else, and is not lost: the next session reviews again."""
    if not review.cancelled() and (error := review.exception()):
        log.error("a bug kept the servers that we are in from being reviewed", exc_info=error)


def _report_waiting(error: BaseException, _seconds: float) -> None:
    log.error("what servers we are in can't be written down yet: %s", error)
