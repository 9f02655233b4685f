"""Budgets: limits on what may be spent in a place or by a person in each period, and the sentences about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from core.billing.ledger_rows import DIRECT, Scope
from core.domain.clock import load_zone, name_known_zone

TENTH_OF_A_CENT = 1_000  # micro-dollars, below which an amount is written exactly
WARN_AT = (75, 95)  # per cent of a budget, at which those who can raise it are told, once

_CHEAPER = "A shorter thread costs less, and so does `persona tune` with a smaller `model=` or `max_tokens=`. "


class Period(Enum):
    """How often a budget renews; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in a scope: all of a workspace, one channel, or one person. None: it was taken away."""

    scope: Scope
    period: Period
    micro_usd: int | None
    zone: str
    """The workspace's time zone from here on, as the tz database names it; empty: as it is, or the default one."""
    author: str
    at: datetime
    number: int = 0
    """Counts all changes of budgets, of all workspaces."""


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """A workspace's time zone, as it was chosen at a moment."""

    at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """A budget in force, and what is spent of it, or set aside, since it last renewed."""

    budget: Budget
    spent: int
    renews: datetime
    """In the workspace's time zone."""
    reserved: int = 0
    """The part of `spent` that is set aside for answers under way; most of it is free again when they have ended."""

    @property
    def limit(self) -> int:
        return self.budget.micro_usd or 0

    @property
    def left(self) -> int:
        return max(0, self.limit - self.spent)

    @property
    def unspent(self) -> int:
        """What is left, and what is only set aside."""
        return max(0, self.limit - self.spent + self.reserved)

    @property
    def percent(self) -> int:
        return self.spent * 100 // self.limit if self.limit else 100


@dataclass(frozen=True, slots=True)
class Budgets:
    """A workspace's budgets in force, its time zone where one was chosen, and every change there was, newest first."""

    statuses: tuple[BudgetStatus, ...] = ()
    changes: tuple[Budget, ...] = ()

    @property
    def zone(self) -> str | None:
        return name_known_zone(self.changes[0].zone) if self.changes else None

    @property
    def unknown_zone(self) -> str:
        """The name of the zone that was chosen, where this machine's tz database does not have it."""
        chosen = self.changes[0].zone if self.changes else "UTC"
        return "" if name_known_zone(chosen) == chosen else chosen

    def list_limited(self) -> set[Scope]:
        """The scopes that a budget is in force for."""
        newest = {(one.scope, one.period): one for one in reversed(self.changes)}
        return {scope for (scope, _), one in newest.items() if one.micro_usd is not None}

    def find_newest_change(self, scope: Scope) -> int:
        """The number of the newest change of a scope's budgets, whatever their period; 0 if there was none."""
        return next((one.number for one in self.changes if one.scope == scope), 0)


def find_period_start(period: Period, now: datetime, zone: str) -> datetime:
    """When the period that `now` lies in began: a midnight of `zone`."""
    today = now.astimezone(load_zone(zone)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    days = {Period.DAY: 0, Period.WEEK: today.weekday(), Period.MONTH: today.day - 1}
    return today - timedelta(days=days[period])  # wall time: a day of 23 or 25 hours is a day


def list_midnights(first: datetime, now: datetime, zone: str) -> list[datetime]:
    """With which the days of a span begin, today with them; a day may have 23 hours, or 25."""
    days = (now.astimezone(load_zone(zone)).date() - first.date()).days
    return [first + timedelta(days=number) for number in range(days + 1)]  # wall time


def find_period_end(period: Period, now: datetime, zone: str) -> datetime:
    """When the period that `now` lies in ends, and the budget renews."""
    return _find_end(period, find_period_start(period, now, zone))


def _find_end(period: Period, beginning: datetime) -> datetime:
    if period is Period.MONTH:
        return (beginning + timedelta(days=32)).replace(day=1)
    return beginning + timedelta(days=1 if period is Period.DAY else 7)


def find_running_period(period: Period, now: datetime, changes: Sequence[ZoneChange]) -> tuple[datetime, datetime]:
    """The beginning and the end of the period that runs at `now`, in UTC; `changes` of the time zone, oldest first.

    A change of the zone leaves the period that runs then as it is, however often the zone is changed. The next one ends
    at the first midnight of the new zone that comes after half a period.
    """
    zone, kept = changes[0].zone, None
    for change in changes[1:]:
        if change.zone != zone and change.at <= now:
            kept, zone = _find_bounds(period, change.at, zone, kept), change.zone
    return _find_bounds(period, now, zone, kept)


def _find_bounds(
    period: Period, now: datetime, zone: str, kept: tuple[datetime, datetime] | None
) -> tuple[datetime, datetime]:
    """The period of a zone that `now` lies in. `kept` is one from before the zone: it runs on, and none overlaps it."""
    if kept and now < kept[1]:
        return kept
    if kept and now < (end := _find_end_after_change(period, kept[1], zone)):
        return kept[1], end
    beginning = find_period_start(period, now, zone)
    return beginning.astimezone(UTC), _find_end(period, beginning).astimezone(UTC)


def _find_end_after_change(period: Period, began: datetime, zone: str) -> datetime:
    """The end of a period that begins at no midnight of its zone: it has at least half of the usual length."""
    start = find_period_start(period, began, zone).astimezone(UTC)
    end = find_period_end(period, began, zone).astimezone(UTC)
    if (end - began) * 2 < end - start:
        end = find_period_end(period, end, zone).astimezone(UTC)
    return end


def dollars(micro_usd: int) -> str:
    """An amount of money: `$12.50`; below a dollar `$0.0042`, and below a tenth of a cent exactly: `$0.000162`."""
    amount = abs(micro_usd)
    digits = 2 if amount >= 1_000_000 or not amount else 4
    written = f"{amount / 1_000_000:,.{digits}f}"
    if 0 < amount < TENTH_OF_A_CENT:
        exact = f"{amount / 1_000_000:.6f}"
        written = f"{exact[:-2]}{exact[-2:].rstrip('0')}"
    return f"{'-' if micro_usd < 0 else ''}${written}"


def describe_budget(budget: Budget, whose: str) -> str:
    """A budget in words: `your budget of $5.00 a day`."""
    return f"{whose} budget of {dollars(budget.micro_usd or 0)} a {budget.period.value}"


def describe_budget_here(budget: Budget) -> str:
    """A budget in words, for those whom it limits: `this channel's budget of $5.00 a day`."""
    if budget.scope.channel == DIRECT:
        return describe_budget(budget, "your direct messages'")
    whose = "your" if budget.scope.person else "this channel's" if budget.scope.channel else "this workspace's"
    return describe_budget(budget, whose)


def describe_renewal(status: BudgetStatus) -> str:
    """When a budget renews, in words: `Tuesday, 1 December, 00:00 (Europe/Berlin)`."""
    at = status.renews
    return f"{at:%A}, {at.day} {at:%B}, {at:%H:%M} ({name_known_zone(status.budget.zone)})"


def name_managers(budget: Budget) -> str:
    """The people who may raise a budget, in words."""
    channel = budget.scope.channel not in (None, DIRECT) and not budget.scope.person
    return "Whoever manages this channel" if channel else "Whoever manages the whole workspace"


def explain_refusal(status: BudgetStatus, wanted: int) -> str:
    """Why a request that may cost `wanted` micro-dollars is not sent: which budget, what is left, until when.

    Where it is dearer than all of the budget, so that waiting does not help: what does. Where only answers under way
    are in its way, these are waited for, and not the day on which the budget renews.
    """
    whose = describe_budget_here(status.budget)
    raised = f"{name_managers(status.budget)} can raise it with `budget set`."
    if wanted > status.limit:
        cheaper = _CHEAPER if status.limit else ""
        return f"I can't ask Claude this: it may cost {dollars(wanted)}, more than all of {whose}. {cheaper}{raised}"
    if wanted <= status.unspent:
        free = f"{dollars(status.left)} is free" if status.left else "nothing is free"
        return (
            f"I can't ask Claude just now: of {whose} {dollars(status.reserved)} is set aside for answers that are "
            f"being written and {free}, and this may cost {dollars(wanted)}. Please ask again in a moment."
        )
    left = f"{dollars(status.unspent)} is left" if status.unspent else "nothing is left"
    return (
        f"I can't ask Claude just now: of {whose} {left}, and this may cost {dollars(wanted)}. "
        f"It renews on {describe_renewal(status)}. {raised}"
    )


def explain_missing_price(status: BudgetStatus, model: str) -> str:
    """Why a model without a price can't be used where a budget holds."""
    return (
        f"I can't ask `{model}` here: {describe_budget_here(status.budget)} holds, "
        "and I know no price of that model. "
        "Whoever runs this bot can add it to the file that CONFAB_PRICES names."
    )


def write_warning(status: BudgetStatus) -> str:
    """The warning about a nearly used-up budget, for those who can raise it.

    People and channels stand in it as `<@ID>` and `<#ID>`, for it is read elsewhere.
    """
    budget, scope = status.budget, status.budget.scope
    whose = f"<@{scope.person}>'s" if scope.person else f"<#{scope.channel}>'s" if scope.channel else "the workspace's"
    return (
        f"{status.percent} % of {describe_budget(budget, whose)} is used: "
        f"{dollars(status.spent)} of {dollars(status.limit)}. "
        f"It renews on {describe_renewal(status)}. Once it is used up I refuse questions; `budget set` raises it."
    )
