"""The overview: what was asked and what became of it, what it cost and what people thought of it, day by day."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from bots.web.dashboard.charts import Point, draw_columns
from bots.web.dashboard.desk import SPANS, USUAL, Desk, choose
from bots.web.sign_in.guard import VISIT, Visit
from bots.web.site.templates import write_number
from core.billing.budgets import dollars
from core.billing.ledger_rows import Scope, UsageRow
from core.billing.reports import UsageReport, build_report
from core.commands.overview import Overviews
from core.domain.controls import Votes
from core.domain.usage import Usage
from core.store.records.reports.activity import OutcomeCount
from core.store.records.reports.live import Pulse

TIMED = 500  # answers whose waits the median is of
REFUSALS = {
    "declined": "who asked may not, or a budget forbids it",
    "refused": "Claude declined it",
    "": "an error, or nobody could be shown it",
}
"""Why a question got no answer, by what is kept of that."""
ANSWERED, REFUSED, WAITING = {"shown"}, {"refused", "expired"}, {"open"}
IGNORED = {"not for us", "carried out"}  # what was no question to us


@dataclass(frozen=True, slots=True)
class Day:
    """One day's figures."""

    date: str
    answered: int = 0
    refused: int = 0
    others: int = 0
    """Withdrawn, or not answered yet."""
    cost: UsageRow = field(default_factory=lambda: UsageRow("", 0, 0, Usage()))

    @property
    def asked(self) -> int:
        return self.answered + self.refused + self.others


@dataclass(frozen=True, slots=True)
class Figures:
    """A span's figures."""

    days: Sequence[Day]
    reasons: Mapping[str, int]
    waiting: int
    first: float | None
    """The median wait for the first words, in seconds; None where nobody knows."""
    votes: Votes
    total: UsageRow

    @property
    def asked(self) -> int:
        return sum(day.asked for day in self.days)

    @property
    def answered(self) -> int:
        return sum(day.answered for day in self.days)

    @property
    def refused(self) -> int:
        return sum(day.refused for day in self.days)

    @property
    def cached(self) -> int:
        """Of the tokens of prompts those that came from the cache, in percent."""
        prompt = self.total.usage.prompt
        return self.total.usage.cache_read * 100 // prompt if prompt else 0


async def show_overview(desk: Desk, request: web.Request) -> web.Response:
    """The workspace's figures for who manages it; their own for all others."""
    visit, days = request[VISIT], choose(request, "days", SPANS, USUAL)
    scope = Scope(visit.workspace) if visit.owner else Scope(visit.workspace, person=visit.person)
    zone = await desk.find_zone(visit)
    key = ("overview", scope, desk.find_start(days, zone), zone)
    found = await desk.recent.load(key, lambda: load_figures(desk, scope, days, zone))
    now = await desk.recent.load((*key, "now"), lambda: desk.take_pulse(visit, zone))
    asked = [
        Point(one.date, (one.answered, one.refused), f"{one.date}: {one.answered:,} answered, {one.refused:,} refused")
        for one in found.days
    ]
    spent = [Point(one.date, (one.cost.micro_usd,), f"{one.date}: {dollars(one.cost.micro_usd)}") for one in found.days]
    return desk.render(
        request,
        "dashboard/overview.html",
        figures=found,
        live=describe_pulse(visit, now),
        asked=draw_columns(asked, write_number),
        spent=draw_columns(spent, dollars),
        reasons=REFUSALS,
        spans=SPANS,
        days=days,
        zone=zone,
        limits=await _list_limits(desk, visit),
    )


def describe_pulse(visit: Visit, pulse: Pulse) -> dict[str, str]:
    """What waits and what today brought, of the workspace or of who reads it."""
    now = pulse.count(None if visit.owner else visit.person)
    return {
        "waiting": write_number(now.waiting),
        "answered": write_number(now.answered),
        "cost": dollars(now.micro_usd),
    }


async def load_figures(desk: Desk, scope: Scope, days: str, zone: str) -> Figures:
    """All figures of a span, from what the ledger and the questions say."""
    since, store = desk.find_start(days, zone), desk.store
    counts = await store.reports.count_outcomes(scope, since)
    cost = build_report("", "day", await store.ledger.sum_usage(scope, since, "quarter"), zone)
    waits = await store.reports.measure_first_pages(scope, since, TIMED)
    return Figures(
        join_days(counts, cost, _list_dates(since, desk.clock(), zone), zone),
        count_reasons(counts),
        sum(one.count for one in counts if one.outcome in WAITING),
        statistics.median(one.total_seconds() for one in waits) if waits else None,
        await store.ledger.count_votes(scope, since),
        cost.total,
    )


def join_days(counts: Sequence[OutcomeCount], cost: UsageReport, dates: Sequence[str], zone: str) -> list[Day]:
    """Each day of a span, with what was asked and what it cost; the newest one last."""
    tally: dict[str, Counter[str]] = {}
    for one in counts:
        if one.outcome not in IGNORED:
            at = datetime.fromisoformat(one.quarter).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
            tally.setdefault(f"{at:%Y-%m-%d}", Counter())[_name_kind(one.outcome)] += one.count
    lines = {line.group: line for line in cost.lines}
    nothing = UsageRow("", 0, 0, Usage())
    return [Day(day, **tally.get(day, Counter()), cost=lines.get(day, nothing)) for day in dates]


def count_reasons(counts: Sequence[OutcomeCount]) -> dict[str, int]:
    """How many questions were refused for each reason, the most frequent first."""
    found = Counter[str]()
    for one in counts:
        if one.outcome in REFUSED:
            found[one.reason if one.reason in REFUSALS else ""] += one.count
    return dict(found.most_common())


def _name_kind(outcome: str) -> str:
    return "answered" if outcome in ANSWERED else "refused" if outcome in REFUSED else "others"


def _list_dates(since: datetime, now: datetime, zone: str) -> list[str]:
    first, last = since.date(), now.astimezone(ZoneInfo(zone)).date()
    return [f"{date.fromordinal(day)}" for day in range(first.toordinal(), last.toordinal() + 1)]


async def _list_limits(desk: Desk, visit: Visit) -> Sequence[str]:
    """How the budgets stand that hold for who reads it, in sentences."""
    found = await Overviews(desk.store, desk.defaults, desk.zone, desk.clock).load(visit.workspace, visit.person)
    return found.limits
