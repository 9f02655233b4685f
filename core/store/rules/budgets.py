"""Budgets as rows: every change is one, and the newest of a scope and period is in force."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

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
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Scope
from core.domain.errors import VersionConflict
from core.store.rules.advisory_locks import lock_money
from core.store.sql_port import Row, Sql, parse_stamp, stamp

# What is reserved counts with its bound, so that those under way can't spend the same money.
SPENT = """
SELECT CAST(coalesce(sum(coalesce(micro_usd, bound)), 0) AS BIGINT) AS micro_usd FROM requests
WHERE {scope} AND at >= :since
"""

SETTLED = """
SELECT CAST(coalesce(sum(micro_usd), 0) AS BIGINT) AS micro_usd FROM requests WHERE {scope} AND at >= :since
"""

CHANGES = "SELECT * FROM budgets WHERE workspace = :workspace ORDER BY id DESC"


def list_changes(sql: Sql, workspace: str) -> list[Budget]:
    """Every change there was, newest first."""
    return [_read_budget(row) for row in sql.many(CHANGES, {"workspace": workspace})]


def list_in_force(sql: Sql, workspace: str) -> list[Budget]:
    """The newest of each scope and period, unless it takes the budget away. All have the workspace's newest zone."""
    newest: dict[tuple[Scope, Period], Budget] = {}
    found = list_changes(sql, workspace)
    for budget in found:
        newest.setdefault((budget.scope, budget.period), budget)
    return [replace(one, zone=found[0].zone) for one in newest.values() if one.micro_usd is not None]


def read_budgets(sql: Sql, workspace: str, now: datetime) -> Budgets:
    statuses = [measure_budget(sql, budget, now) for budget in list_in_force(sql, workspace)]
    return Budgets(tuple(statuses), tuple(list_changes(sql, workspace)))


def change_budget(sql: Sql, budget: Budget, expected: int) -> None:
    """Keep a change, if `expected` is still the number of the newest one of its scope and period, or 0 for none."""
    lock_money(sql, budget.scope.workspace)
    held = (one for one in list_changes(sql, budget.scope.workspace) if one.scope == budget.scope)
    newest = next((one for one in held if one.period is budget.period), None)
    if (newest.number if newest else 0) != expected:
        raise VersionConflict(newest.number if newest else None)
    sql.insert("budgets", _row_of(budget))


def measure_budget(sql: Sql, budget: Budget, now: datetime, statement: str = SPENT) -> BudgetStatus:
    """How much of a budget is spent in the period of `now`."""
    since = find_period_start(budget.period, now, budget.zone)
    condition, values = within_scope(budget.scope)
    row = sql.one(statement.format(scope=condition), {**values, "since": stamp(since)})
    return BudgetStatus(budget, row["micro_usd"] if row else 0, find_period_end(budget.period, now, budget.zone))


def within_scope(scope: Scope) -> tuple[str, Row]:
    """A condition on the columns of a request, and its parameters."""
    values = {name: value for name in Scope.__slots__ if (value := getattr(scope, name)) is not None}
    return " AND ".join(f"{name} = :{name}" for name in values), values


def refuse_request(sql: Sql, planned: PlannedRequest, scopes: Sequence[Scope]) -> BudgetRefusal | None:
    """The refusal of that budget of these scopes which has the least left, if it is too little."""
    held = [budget for budget in list_in_force(sql, planned.key.workspace) if budget.scope in scopes]
    if not held:
        return None
    tightest = min((measure_budget(sql, budget, planned.at) for budget in held), key=lambda one: one.left)
    if planned.micro_usd is None:
        return BudgetRefusal(explain_missing_price(tightest, planned.model))
    if planned.micro_usd <= tightest.left:
        return None
    return BudgetRefusal(explain_refusal(tightest, planned.micro_usd), tightest.left)


def warn_of_budgets(sql: Sql, request: Row, now: datetime) -> list[BudgetStatus]:
    """Budgets of which a settled request used more than those who can raise it know; from now on they do."""
    found = []
    for budget in list_in_force(sql, request["workspace"]):
        scope = budget.scope
        if scope.channel in (None, request["channel"]) and scope.person in (None, request["person"]):
            one = measure_budget(sql, budget, now, SETTLED)
            if _record_warnings(sql, one, find_period_start(budget.period, now, budget.zone)):
                found.append(one)
    return found


def _record_warnings(sql: Sql, one: BudgetStatus, since: datetime) -> bool:
    """Whether a threshold is reached for the first time since the budget renewed or was changed."""
    row = {"workspace": one.budget.scope.workspace, "budget": one.budget.number, "since": stamp(since)}
    return sum(sql.insert_new("warnings", {**row, "percent": at}) for at in WARN_AT if one.percent >= at) > 0


def _read_budget(row: Row) -> Budget:
    scope = Scope(row["workspace"], row["channel"], person=row["person"])
    at = parse_stamp(row["at"])
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
