"""Live figures: how a workspace stands just now, for pages that are open; never a word of anybody's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.store.records.jobs import Job


@dataclass(frozen=True, slots=True)
class PersonCount:
    """Questions of somebody that wait, those of today that were answered, and what their requests of today cost."""

    waiting: int = 0
    answered: int = 0
    micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class Pulse:
    """A workspace at one moment."""

    people: Mapping[str, PersonCount] = field(default_factory=dict)
    jobs: Sequence[Job] = ()
    """The newest ones."""
    done: Mapping[int, int] = field(default_factory=dict)
    """Of jobs that run, how many rows have an answer, or failed."""
    sessions: frozenset[str] = frozenset()
    """The hashes of the tokens of all sessions that are open."""

    def count(self, person: str | None = None) -> PersonCount:
        """The figures of one person, or of everybody."""
        if person is not None:
            return self.people.get(person, PersonCount())
        every = self.people.values()
        return PersonCount(
            sum(one.waiting for one in every), sum(one.answered for one in every), sum(one.micro_usd for one in every)
        )
