"""Budgets as rows: every change is one, and the newest of a scope and period is in force."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlite_utils import Database

from core.billing.budgets import (
    WARN_AT,
    Budget,
    Budgets,
    BudgetStatus,
    Period,
    explain_missing_price,
    explain_refusal,
    find_period_end,
    find_period_start,
)
from core.billing.usage import BudgetRefusal, PlannedRequest, Scope
from core.domain.errors import VersionConflict
from core.store.rules.moments import moment, stamp
from core.store.sqlite.connection import Row, many

# What is reserved counts with its bound, so that those under way can't spend the same money.
SPENT = """
SELECT coalesce(sum(coalesce(micro_usd, bound)), 0) FROM requests
WHERE workspace = :workspace AND at >= :since
AND (:channel IS NULL OR channel = :channel) AND (:person IS NULL OR person = :person)
"""

CHANGES = "SELECT * FROM budgets WHERE workspace = :workspace ORDER BY id DESC"

WARN = "INSERT OR IGNORE INTO warnings (workspace, budget, since, percent) VALUES (?, ?, ?, ?)"

SETTLED = SPENT.replace("coalesce(micro_usd, bound)", "micro_usd")


def changes(db: Database, workspace: str) -> list[Budget]:
    """Every change there was, newest first."""
    return [_budget_of(row) for row in many(db, CHANGES, {"workspace": workspace})]


def in_force(db: Database, workspace: str) -> list[Budget]:
    """The newest of each scope and period, unless it takes the budget away. All have the workspace's newest zone."""
    newest: dict[tuple[Scope, Period], Budget] = {}
    found = changes(db, workspace)
    for budget in found:
        newest.setdefault((budget.scope, budget.period), budget)
    return [replace(one, zone=found[0].zone) for one in newest.values() if one.micro_usd is not None]


def budgets(db: Database, workspace: str, now: datetime) -> Budgets:
    standings = [standing(db, budget, now) for budget in in_force(db, workspace)]
    return Budgets(tuple(standings), tuple(changes(db, workspace)))


def allow(db: Database, budget: Budget, expected: int) -> None:
    """Keep a change, if `expected` is still the number of the newest one of its scope and period, or 0 for none."""
    held = (one for one in changes(db, budget.scope.workspace) if one.scope == budget.scope)
    newest = next((one for one in held if one.period is budget.period), None)
    if (newest.number if newest else 0) != expected:
        raise VersionConflict(newest.number if newest else None)
    db.table("budgets").insert(_row_of(budget))


def standing(db: Database, budget: Budget, now: datetime, sql: str = SPENT) -> BudgetStatus:
    scope, since = budget.scope, find_period_start(budget.period, now, budget.zone)
    place = {"workspace": scope.workspace, "channel": scope.channel, "person": scope.person}
    (spent,) = db.execute(sql, {**place, "since": stamp(since)}).fetchone()
    return BudgetStatus(budget, spent, find_period_end(budget.period, now, budget.zone))


def forbidden(db: Database, spending: PlannedRequest, scopes: Sequence[Scope]) -> BudgetRefusal | None:
    """The refusal of that budget of these scopes which has the least left, if it is too little."""
    held = [budget for budget in in_force(db, spending.key.workspace) if budget.scope in scopes]
    if not held:
        return None
    tightest = min((standing(db, budget, spending.at) for budget in held), key=lambda one: one.left)
    if spending.micro_usd is None:
        return BudgetRefusal(explain_missing_price(tightest, spending.model))
    if spending.micro_usd <= tightest.left:
        return None
    return BudgetRefusal(explain_refusal(tightest, spending.micro_usd), tightest.left)


def warned(db: Database, request: Row, now: datetime) -> list[BudgetStatus]:
    """Budgets of which a settled request used more than those who can raise it know; from now on they do."""
    found = []
    for budget in in_force(db, request["workspace"]):
        scope = budget.scope
        if scope.channel in (None, request["channel"]) and scope.person in (None, request["person"]):
            one = standing(db, budget, now, SETTLED)
            if _news(db, one, find_period_start(budget.period, now, budget.zone)):
                found.append(one)
    return found


def _news(db: Database, one: BudgetStatus, since: datetime) -> bool:
    """Whether a threshold is reached for the first time since the budget renewed or was changed."""
    whose = (one.budget.scope.workspace, one.budget.number, stamp(since))
    rows = [(*whose, percent) for percent in WARN_AT if one.percent >= percent]
    return sum(db.execute(WARN, row).rowcount for row in rows) > 0


def _budget_of(row: Row) -> Budget:
    scope = Scope(row["workspace"], row["channel"], person=row["person"])
    at = moment(row["at"])
    return Budget(scope, Period(row["period"]), row["micro_usd"], row["zone"], row["author"], at, row["id"])


def _row_of(budget: Budget) -> Row:
    return {
        "workspace": budget.scope.workspace,
        "channel": budget.scope.channel,
        "person": budget.scope.person,
        "period": budget.period.value,
        "micro_usd": budget.micro_usd,
        "zone": budget.zone,
        "author": budget.author,
        "at": stamp(budget.at),
    }
