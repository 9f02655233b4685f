"""Activity: what was asked and what became of it, as figures for pages of a browser; never a word of anybody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.billing.ledger_rows import Scope, UsageRow
from core.store.records.reports.live import Pulse
from core.store.records.schedules import Schedule


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How many questions of a day came to the same."""

    day: int
    """Which of those that were asked for."""
    outcome: str
    """As `Outcome` has it; `open` where there is none yet."""
    reason: str
    """As `Unanswered` has it; empty where a question was answered, or nothing says why not."""
    count: int


@dataclass(frozen=True, slots=True)
class DayCost:
    """What the requests of a day came to; those that died stand at their bounds."""

    requests: int = 0
    micro_usd: int = 0
    saved: int = 0
    prompt: int = 0
    """Tokens of prompts, cached or not."""
    cache_read: int = 0

    def __add__(self, other: "DayCost") -> "DayCost":
        return DayCost(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class Reports(Protocol):
    """Read model. A scope is a workspace, or a person of it. Sums of days that are over are kept, and added up."""

    async def count_outcomes(self, scope: Scope, midnights: Sequence[datetime]) -> Sequence[OutcomeCount]:
        """What became of the questions of each of these days, commands apart; the last day lasts until now."""

    async def sum_costs(self, scope: Scope, midnights: Sequence[datetime]) -> Sequence[DayCost]:
        """What the requests of each of these days came to."""

    async def sum_usage(self, workspace: str, midnights: Sequence[datetime], by: str) -> Sequence[UsageRow]:
        """What `Ledger.sum_usage` has of a workspace since the first of these midnights; a `day` begins with each."""

    async def measure_first_pages(self, scope: Scope, since: datetime, most: int) -> Sequence[timedelta]:
        """How long it took from a question to the first message of its answer, of the newest answers since then."""

    async def list_schedules(self, workspace: str) -> Sequence[Schedule]:
        """All of a workspace that were not removed, by channel and number."""

    async def take_pulse(self, workspace: str, since: datetime, jobs: int) -> Pulse:
        """How a workspace stands now: what was asked since then by whom, and so many of its newest batches."""
