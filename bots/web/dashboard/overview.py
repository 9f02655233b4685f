"""The overview: what was asked and what became of it, what it cost and what people thought of it, day by day."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bots.web.dashboard.desk import SPANS, USUAL, Desk, choose
from bots.web.dashboard.figures.charts import Point, draw_columns
from bots.web.sign_in.guard import VISIT, Visit
from bots.web.site.templates import write_number
from core.billing.budgets import dollars, list_midnights
from core.billing.ledger_rows import Scope
from core.commands.overview import Overviews
from core.domain.controls import Votes
from core.store.records.reports.activity import DayCost, OutcomeCount
from core.store.records.reports.live import Pulse

TIMED = 500  # answers whose waits the median is of
REFUSALS = {
    "declined": "who asked may not, or a budget forbids it",
    "refused": "Claude declined it",
    "": "an error, or nobody could be shown it",
}
"""Why a question got no answer, by what is kept of that."""
ANSWERED, REFUSED, WAITING = {"shown"}, {"refused", "expired"}, {"open"}
NOTHING = DayCost()
IGNORED = {"not for us", "carried out"}  # what was no question to us


@dataclass(frozen=True, slots=True)
class Day:
    """One day's figures."""

    date: str
    answered: int = 0
    refused: int = 0
    others: int = 0
    """Withdrawn, or not answered yet."""
    cost: DayCost = NOTHING

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
    limits: Sequence[str]
    """How the budgets stand that hold for who reads it, in sentences."""

    @property
    def total(self) -> DayCost:
        return sum((day.cost for day in self.days), NOTHING)

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
        total = self.total
        return total.cache_read * 100 // total.prompt if total.prompt else 0


async def show_overview(desk: Desk, request: web.Request) -> web.Response:
    """The workspace's figures for who manages it; their own for all others."""
    visit, days = request[VISIT], choose(request, "days", SPANS, USUAL)
    scope = Scope(visit.workspace) if visit.owner else Scope(visit.workspace, person=visit.person)
    zone = await desk.find_zone(visit)
    key = ("overview", scope, desk.find_start(days, zone), zone)
    found = await desk.recent.load((*key, visit.person), lambda: load_figures(desk, visit, scope, days, zone))
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
        limits=found.limits,
    )


def describe_pulse(visit: Visit, pulse: Pulse) -> dict[str, str]:
    """What waits and what today brought, of the workspace or of who reads it."""
    now = pulse.count(None if visit.owner else visit.person)
    return {
        "waiting": write_number(now.waiting),
        "answered": write_number(now.answered),
        "cost": dollars(now.micro_usd),
    }


async def load_figures(desk: Desk, visit: Visit, scope: Scope, days: str, zone: str) -> Figures:
    """All figures of a span, from what the ledger and the questions say."""
    store, midnights = desk.store, list_midnights(desk.find_start(days, zone), desk.clock(), zone)
    counts = await store.reports.count_outcomes(scope, midnights)
    costs = await store.reports.sum_costs(scope, midnights)
    waits = await store.reports.measure_first_pages(scope, midnights[0], TIMED)
    overview = await Overviews(store, desk.defaults, desk.zone, desk.clock).load(visit.workspace, visit.person)
    return Figures(
        join_days(counts, costs, midnights),
        count_reasons(counts),
        sum(one.count for one in counts if one.outcome in WAITING),
        statistics.median(one.total_seconds() for one in waits) if waits else None,
        await store.ledger.count_votes(scope, midnights[0]),
        overview.limits,
    )


def join_days(counts: Sequence[OutcomeCount], costs: Sequence[DayCost], midnights: Sequence[datetime]) -> list[Day]:
    """Each day of a span, with what was asked and what it cost; the newest one last."""
    tally = [Counter[str]() for _ in midnights]
    for one in counts:
        if one.outcome not in IGNORED:
            tally[one.day][_name_kind(one.outcome)] += one.count
    days = zip(midnights, tally, costs, strict=True)
    return [Day(f"{midnight:%Y-%m-%d}", **counted, cost=cost) for midnight, counted, cost in days]


def count_reasons(counts: Sequence[OutcomeCount]) -> dict[str, int]:
    """How many questions were refused for each reason, the most frequent first."""
    found = Counter[str]()
    for one in counts:
        if one.outcome in REFUSED:
            found[one.reason if one.reason in REFUSALS else ""] += one.count
    return dict(found.most_common())


def _name_kind(outcome: str) -> str:
    return "answered" if outcome in ANSWERED else "refused" if outcome in REFUSED else "others"
