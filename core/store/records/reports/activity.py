"""Activity: what was asked and what became of it, as figures for pages of a browser; never a word of anybody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.billing.ledger_rows import Scope
from core.store.records.reports.live import Pulse
from core.store.records.schedules import Schedule


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How many questions of a quarter of an hour (`2026-11-20T10:15`, in UTC) came to the same."""

    quarter: str
    outcome: str
    """As `Outcome` has it; `open` where there is none yet."""
    reason: str
    """As `Unanswered` has it; empty where a question was answered, or nothing says why not."""
    count: int


class Reports(Protocol):
    """Read model. Each method is one unit of work; a scope is a workspace, or a person of it."""

    async def count_outcomes(self, scope: Scope, since: datetime) -> Sequence[OutcomeCount]:
        """What became of the questions since then, commands apart."""

    async def measure_first_pages(self, scope: Scope, since: datetime, most: int) -> Sequence[timedelta]:
        """How long it took from a question to the first message of its answer, of the newest answers since then."""

    async def list_schedules(self, workspace: str) -> Sequence[Schedule]:
        """All of a workspace that were not removed, by channel and number."""

    async def take_pulse(self, workspace: str, since: datetime, jobs: int) -> Pulse:
        """How a workspace stands now: what was asked since then by whom, and so many of its newest batches."""
