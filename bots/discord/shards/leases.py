"""Leases: which shards this process listens to, renewed together; it stops with each that it may have lost."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from core.domain.clock import Sleep
from core.domain.errors import CannotConnect, StoreUnavailable
from core.domain.wording import count_noun
from core.store.records.shards.leases import LEASE, GatewaySession, Sessions, ShardAssignment, ShardHolder, Shards
from core.telemetry import Emit, ShardsCounted

HEARTBEATS = 3  # in the time of a lease: of a dead process's shards all are taken over 4/3 of it later

BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps

log = logging.getLogger(__name__)


class Sockets(Protocol):
    """Connections to the gateway, one a shard."""

    def open_shard(self, shard: int, session: GatewaySession | None) -> None:
        """Begin to listen to a shard: to what its session left, or in a new one. It goes on until it is closed."""

    async def close_shards(self, shards: Collection[int]) -> Sessions:
        """Listen to these no more, in a way that leaves their sessions; those, as far as their events are stored."""

    def read_sessions(self) -> Sessions:
        """The sessions of all that were opened, as far as their events are stored."""

    def set_count(self, count: int) -> None:
        """There are so many shards in all."""

    @property
    def starts_left(self) -> int | None:
        """How many sessions may begin today; None where nobody has asked."""


class ShardLeases:
    """Holds leases for one process. `wanted` is a number of shards, or None: as many as Discord advises.

    A heartbeat renews all leases in one unit of work, and takes what is free and its part. When the last heartbeat is
    a lease ago by this process's own clock, all shards are closed: others may have them.
    """

    def __init__(
        self,
        shards: Shards,
        *,
        wanted: int | None,
        lease: timedelta = LEASE,
        emit: Emit,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = lambda: time.clock_gettime(BOOT),
    ) -> None:
        self._shards = shards
        self._wanted = wanted
        self._lease = lease
        self._emit = emit
        self._sleep = sleep
        self._clock = clock
        self._process = secrets.token_hex(8)
        self._holder: ShardHolder | None = None
        self._held: set[int] = set()
        self._processes = 0
        self._until = 0.0
        self._sessions: dict[int, GatewaySession | None] = {}
        """Of shards that were closed because their lease may be over: as far as they were stored."""

    @property
    def held(self) -> frozenset[int]:
        """The shards of this process; none while it can't be sure."""
        return frozenset(self._held) if self._clock() < self._until else frozenset()

    async def join(self, bot: str, advise: Callable[[], Awaitable[int]], sockets: Sockets) -> None:
        """Begin to share a bot's shards. Raises CannotConnect where others share another number of them.

        `advise` asks Discord how many there should be, and may raise what the library raises.
        """
        count = self._wanted or await advise()
        holder = ShardHolder(bot, self._process, count, exact=self._wanted is not None)
        assignment = await self._renew_when_possible(holder, {})
        if holder.exact and assignment.count != holder.count:
            raise CannotConnect(
                f"DISCORD_SHARDS: others on this database share {assignment.count} shards, not {holder.count}. "
                f"Set the same for all of them; to change the number, stop all and start them again."
            )
        self._holder = replace(holder, count=assignment.count, exact=True)  # while we live, whatever Discord advises
        sockets.set_count(assignment.count)
        if not assignment.held:
            others = count_noun(assignment.processes - 1, "other process", "other processes")
            log.info("sharing %d shards with %s; this one has none yet", assignment.count, others)
        await self._follow(assignment, sockets, {})

    async def keep(self, sockets: Sockets) -> None:
        """Renew until cancelled."""
        while True:
            await self._sleep(self._lease.total_seconds() / HEARTBEATS)
            await self.renew(sockets)

    async def renew(self, sockets: Sockets) -> None:
        """One heartbeat: be told what is ours, and open, close and give away accordingly.

        Raises ConnectionAbortedError where others share another number of shards by now, as we were asleep too long.
        """
        assert self._holder is not None
        sessions = {**self._sessions, **sockets.read_sessions()}
        try:
            assignment = await self._renew(self._holder, sessions)
        except (StoreUnavailable, TimeoutError) as error:
            log.error("leases of shards could not be renewed: %s", error)
            if self._clock() >= self._until:
                self._sessions |= await sockets.close_shards(self._held)
                self._held.clear()
            return
        if assignment.count != self._holder.count:
            others = f"others share {assignment.count} shards by now, and not {self._holder.count}"
            log.warning("%s: joining them anew", others)
            raise ConnectionAbortedError(others)
        await self._follow(assignment, sockets, sessions)
        if assignment.surplus:
            await self._give_away(assignment.surplus, sockets)

    async def leave(self, sockets: Sockets) -> None:
        """Give all back, so that others go on at once; they do so a lease later where the database can't be reached."""
        sessions = await sockets.close_shards(self._held)
        self._held.clear()
        if self._holder is not None:
            try:
                await self._shards.release(self._holder, sessions, leaving=True)
            except StoreUnavailable as error:
                log.error("shards could not be given back: %s", error)

    async def _renew_when_possible(self, holder: ShardHolder, sessions: Sessions) -> ShardAssignment:
        while True:
            try:
                return await self._renew(holder, sessions)
            except (StoreUnavailable, TimeoutError) as error:
                log.error("shards are taken when the database can be reached: %s", error)
                await self._sleep(self._lease.total_seconds() / HEARTBEATS)

    async def _renew(self, holder: ShardHolder, sessions: Sessions) -> ShardAssignment:
        asked = self._clock()
        left = self._until - asked
        async with asyncio.timeout(left if left > 0 else self._lease.total_seconds()):
            assignment = await self._shards.renew(holder, sessions, self._lease)
        self._until = asked + self._lease.total_seconds()
        return assignment

    async def _follow(self, assignment: ShardAssignment, sockets: Sockets, sessions: Sessions) -> None:
        """Open what is new, and close what is another's by now."""
        lost = self._held - assignment.held.keys()
        if lost:
            log.warning("shards that others have taken over are closed here: %s", _list(lost))
            await sockets.close_shards(lost)
        new = sorted(assignment.held.keys() - self._held)
        more = f", in all to {_list(assignment.held)}" if len(new) < len(assignment.held) else ""
        why = ", as another process has ended" if assignment.processes < self._processes else ""
        self._held, self._processes = set(assignment.held), assignment.processes
        self._sessions.clear()
        for shard in new:
            sockets.open_shard(shard, assignment.held[shard])
        if new:
            log.info("listening to shards %s of %d%s%s", _list(new), assignment.count, more, why)
        unheld = len(assignment.unheld)
        self._emit(ShardsCounted("discord", assignment.count, len(self._held), unheld, sockets.starts_left))

    async def _give_away(self, surplus: Collection[int], sockets: Sockets) -> None:
        """Close what is another's part, and give it back with its sessions."""
        assert self._holder is not None
        sessions = await sockets.close_shards(surplus)
        self._held -= set(surplus)
        log.info("giving shards %s to other processes", _list(surplus))
        try:
            await self._shards.release(self._holder, sessions)
        except StoreUnavailable as error:
            log.error("shards could not be given away: %s", error)
            self._sessions |= sessions


def _list(shards: Collection[int]) -> str:
    return ", ".join(map(str, sorted(shards)))
