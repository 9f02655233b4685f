"""Heartbeat: what a process is told each time that it says it lives."""

from dataclasses import dataclass
from datetime import timedelta


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
