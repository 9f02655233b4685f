"""Heartbeat: what a process is told each time that it says that it lives, and the news that it hears of others."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

from core.domain.messages import ThreadKey


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a process learns from its heartbeat."""

    lease: timedelta
    """For so long its claims are surely its own, and what it sends arrives before anybody takes them over."""
    late: bool = False
    """Its last heartbeat is so old that others have taken its claims over."""
    freed: frozenset[int] = frozenset()
    """Ids of those of its claims that were still its own, and are free since this heartbeat, because it is late."""
    withdrawn: frozenset[int] = frozenset()
    """Ids of its claims whose question was withdrawn."""
    processes: int = 1
    """How many processes live now, this one with them unless it leaves: they share what a platform allows."""
    waiting: bool = False
    """A question is open that no living process has claimed."""
    doubtful: timedelta | None = None
    """In how long a process has stopped that has said nothing for a while, unless it does."""


class Topic(Enum):
    """What news is about."""

    QUESTION = "question"
    """One waits that the process which kept it cannot take up."""
    CHANGE = "change"
    """Something was said, edited or deleted in the thread of a claim."""
    WITHDRAWAL = "withdrawal"
    """The question of a claim was withdrawn."""
    JOB = "job"
    """There is something to be done about a job or its batches."""
    HEARING = "hearing"
    """From here on news is heard; what came before may have been missed."""
    DEAF = "deaf"
    """News is not heard any more, for the connection was lost."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that another process changed. What names a process concerns the claims of that one alone."""

    topic: Topic
    process: str = ""
    key: ThreadKey | None = None


class Signals(Protocol):
    """News between processes of one database, told with the transaction that changes something."""

    async def listen(self, hear: Callable[[News], None]) -> None:
        """Tell news until cancelled. An engine that has none returns at once: its processes look by themselves."""

    async def call_others(self) -> None:
        """Tell the others that there are questions which this process cannot take up, if there are any."""
