"""Condition: how a database stands, and the server that it is on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.domain.controls import Votes
from core.store.records.files import WaitingDeletions
from core.store.records.installations import Installation
from core.store.records.jobs import WaitingBatches
from core.store.records.shards.leases import ShardOverview


@dataclass(frozen=True, slots=True)
class Server:
    """The server that a database is on."""

    name: str  # what it is, and which version
    latency: timedelta  # how long a question to it takes, there and back
    ahead: timedelta  # how far its clock is ahead of this machine's; leases count on the server's


@dataclass(frozen=True, slots=True)
class Condition:
    """How a database stands. One that the next start will make has no version and no bytes."""

    path: str
    version: int = 0  # how many migrations it has had
    newest: int = 0  # how many there are
    bytes: int = 0
    free: int | None = None
    """Bytes left on its disk; None for one in memory."""
    waiting: int = 0  # open questions
    oldest: datetime | None = None  # when the oldest of them was asked
    moved: str = ""  # why no bot starts on it, where it was moved
    server: Server | None = None  # None for a file
    models: tuple[str, ...] = ()  # those that personas choose
    zones: tuple[str, ...] = ()  # those that workspaces chose
    installations: Sequence[Installation] = ()
    deletions: WaitingDeletions = field(default_factory=WaitingDeletions)
    batches: WaitingBatches = field(default_factory=WaitingBatches)
    votes: Votes = field(default_factory=Votes)  # what people think of answers
    notes: Mapping[str, str] = field(default_factory=dict)  # those about MCP servers
    shards: Mapping[str, ShardOverview] = field(default_factory=dict)  # by bot
