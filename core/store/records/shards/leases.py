"""Shards: the parts in which a platform tells a bot its events, and the process that listens to each by lease."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

LEASE = timedelta(seconds=9)  # after which the shards of a process that renews no more are another's


@dataclass(frozen=True, slots=True)
class GatewaySession:
    """A session with the platform, which whoever has these three can go on with."""

    id: str
    sequence: int
    """The number of the last event that is stored, and need not be told again."""
    url: str


Sessions = Mapping[int, GatewaySession | None]
"""By shard, its session; None where a new one has to begin."""


@dataclass(frozen=True, slots=True)
class ShardHolder:
    """A process that shares a bot's shards with others."""

    bot: str
    process: str
    count: int
    """How many shards it takes there to be, where no other process lives."""
    exact: bool = False
    """Whether it can't do with another number."""


@dataclass(frozen=True, slots=True)
class ShardAssignment:
    """What a process holds from now on."""

    count: int
    """How many shards there are for all processes. Who is `exact` and wants another number has not joined."""
    held: Sessions
    """Its shards: what it held, and what was free and is its part."""
    surplus: frozenset[int] = frozenset()
    """Those of its shards that are the part of another process, which would take them."""
    unheld: frozenset[int] = frozenset()
    """Shards to which nobody listens."""
    processes: int = 1
    """How many share them, this one with them."""


@dataclass(frozen=True, slots=True)
class ShardOverview:
    """How the shards of a bot are held just now."""

    count: int = 0
    """How many there are; 0 where no process lives that shares them."""
    held: Mapping[str, int] = field(default_factory=dict)
    """How many each living process holds."""

    @property
    def unheld(self) -> int:
        return self.count - sum(self.held.values())


class Shards(Protocol):
    """Leases of shards. Each method is one unit of work; times are the database's."""

    async def renew(self, holder: ShardHolder, sessions: Sessions, lease: timedelta = LEASE) -> ShardAssignment:
        """Renew the leases of a process, keep its sessions, and take what is free and its part."""

    async def release(self, holder: ShardHolder, sessions: Sessions, *, leaving: bool = False) -> None:
        """Give shards back, each with the session that the next one goes on with; `leaving`: no others are taken."""

    async def claim_start(self, bot: str, bucket: int, spacing: timedelta) -> timedelta:
        """Take the right to begin a session of a bucket: zero, or how long to wait before the next try.

        For `spacing` nobody else has it.
        """

    async def read(self, bot: str) -> ShardOverview:
        """How the shards of a bot are held just now."""
