"""Budgets: what may be spent in a place or by a person, from one renewal to the next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from core.billing.usage import Scope

WARN_AT = (75, 95)  # per cent of a budget, at which those who can raise it are told, once


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
    """The workspace's time zone from here on, as the tz database names it."""
    author: str
    at: datetime
    number: int = 0
    """Counts all changes of budgets, of all workspaces."""


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """A budget in force, and what is spent of it, or set aside, since it last renewed."""

    budget: Budget
    spent: int
    renews: datetime
    """In the workspace's time zone."""

    @property
    def limit(self) -> int:
        return self.budget.micro_usd or 0

    @property
    def left(self) -> int:
        return max(0, self.limit - self.spent)

    @property
    def percent(self) -> int:
        return self.spent * 100 // self.limit if self.limit else 100


@dataclass(frozen=True, slots=True)
class Budgets:
    """A workspace's budgets in force, its time zone where one was chosen, and every change there was, newest first."""

    standings: tuple[BudgetStatus, ...] = ()
    changes: tuple[Budget, ...] = ()

    @property
    def zone(self) -> str | None:
        return self.changes[0].zone if self.changes else None


def began(period: Period, now: datetime, zone: str) -> datetime:
    """When the period that `now` is in began: a midnight of `zone`."""
    today = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    days = {Period.DAY: 0, Period.WEEK: today.weekday(), Period.MONTH: today.day - 1}
    return today - timedelta(days=days[period])  # wall time: a day of 23 or 25 hours is a day


def renews(period: Period, now: datetime, zone: str) -> datetime:
    """When the period that `now` is in ends."""
    beginning = began(period, now, zone)
    if period is Period.MONTH:
        return (beginning + timedelta(days=32)).replace(day=1)
    return beginning + timedelta(days=1 if period is Period.DAY else 7)


def dollars(micro_usd: int) -> str:
    """`$12.50`; below a dollar with as many digits as say something: `$0.0042`, `$0.000015`."""
    amount = abs(micro_usd)
    digits = 2 if amount >= 1_000_000 or not amount else 4 if amount >= 100 else 6
    return f"{'-' if micro_usd < 0 else ''}${amount / 1_000_000:,.{digits}f}"


def of(budget: Budget, whose: str) -> str:
    """`your budget of $5.00 a day`."""
    return f"{whose} budget of {dollars(budget.micro_usd or 0)} a {budget.period.value}"


def here(budget: Budget) -> str:
    """A budget as it is told where it holds, to those whose it is."""
    scope = budget.scope
    return of(budget, "your" if scope.person else "this channel's" if scope.channel else "this workspace's")


def until(standing: BudgetStatus) -> str:
    """`Tuesday, 1 December, 00:00 (Europe/Berlin)`."""
    at = standing.renews
    return f"{at:%A}, {at.day} {at:%B}, {at:%H:%M} ({standing.budget.zone})"


def who(budget: Budget) -> str:
    """Those who can raise it."""
    channel = budget.scope.channel and not budget.scope.person
    return "Whoever manages this channel" if channel else "Whoever manages the whole workspace"


def refused(standing: BudgetStatus, wanted: int) -> str:
    """Why a request that may cost `wanted` micro-dollars is not sent: which budget, what is left, until when."""
    left = f"{dollars(standing.left)} is left" if standing.left else "nothing is left"
    return (
        f"I can't ask Claude just now: of {here(standing.budget)} {left}, and this may cost {dollars(wanted)}. "
        f"It renews on {until(standing)}. {who(standing.budget)} can raise it with `budget set`."
    )


def unpriced(standing: BudgetStatus, model: str) -> str:
    """Why a model without a price can't be used."""
    return (
        f"I can't ask `{model}` here: {here(standing.budget)} holds, and I know no price of that model. "
        "Whoever runs this bot can add it to the file that CONFAB_PRICES names."
    )


def warning(standing: BudgetStatus) -> str:
    """What those who can raise a budget are told, elsewhere. People and channels stand in it as `<@ID>` and `<#ID>`."""
    budget, scope = standing.budget, standing.budget.scope
    whose = f"<@{scope.person}>'s" if scope.person else f"<#{scope.channel}>'s" if scope.channel else "the workspace's"
    return (
        f"{standing.percent} % of {of(budget, whose)} is used: {dollars(standing.spent)} of {dollars(standing.limit)}. "
        f"It renews on {until(standing)}. Once it is used up I refuse questions; `budget set` raises it."
    )
