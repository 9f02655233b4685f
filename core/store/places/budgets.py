"""Budgets as rows: every change is one, and the newest of a scope and period is in force."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.billing.budgets import (
    WARN_AT,
    Budget,
    Budgets,
    BudgetStatus,
    Period,
    ZoneChange,
    explain_missing_price,
    explain_refusal,
    find_running_period,
)
from core.billing.ledger_rows import DIRECT, BudgetRefusal, PlannedRequest, Scope, Scopes
from core.domain.clock import load_zone
from core.domain.errors import VersionConflict
from core.store.audit_log import AuditAction, AuditEntry
from core.store.places.advisory_locks import lock_money
from core.store.places.audit import record_audit
from core.store.places.budget_totals import drop_totals, list_totals, sum_totals
from core.store.sql_port import Row, Sql, parse_stamp, stamp

CHANGES = "SELECT * FROM budgets WHERE workspace = :workspace ORDER BY id DESC"
NEWEST_ZONE = "SELECT zone FROM budgets WHERE workspace = :workspace ORDER BY id DESC LIMIT 1"

WARN = """
INSERT INTO warnings (workspace, budget, since, percent) VALUES (:workspace, :budget, :since, :percent)
ON CONFLICT DO NOTHING
"""

ZONES = "SELECT DISTINCT zone FROM budgets WHERE id IN (SELECT max(id) FROM budgets GROUP BY workspace) ORDER BY zone"

LIMITING = "SELECT DISTINCT workspace FROM budgets WHERE person = :person ORDER BY workspace"


@dataclass(frozen=True, slots=True)
class BudgetHistory:
    """All changes of a workspace's budgets, newest first, and the budgets that are in force."""

    changes: tuple[Budget, ...]
    in_force: tuple[Budget, ...]

    @property
    def zones(self) -> list[ZoneChange]:
        """Every choice of the time zone, oldest first."""
        return [ZoneChange(one.at, one.zone) for one in reversed(self.changes)]


def list_changes(sql: Sql, workspace: str) -> list[Budget]:
    """Every change there was, newest first."""
    return [_read_budget(row) for row in sql.many(CHANGES, {"workspace": workspace})]


def list_zones(sql: Sql) -> list[str]:
    """The time zones that hold in workspaces which chose one."""
    return [row["zone"] for row in sql.many(ZONES, {})]


def read_history(sql: Sql, workspace: str) -> BudgetHistory:
    """In force is the newest of each scope and period, unless it takes the budget away; all have the newest zone."""
    newest: dict[tuple[Scope, Period], Budget] = {}
    found = list_changes(sql, workspace)
    for budget in found:
        newest.setdefault((budget.scope, budget.period), budget)
    held = (replace(one, zone=found[0].zone) for one in newest.values() if one.micro_usd is not None)
    return BudgetHistory(tuple(found), tuple(held))


def read_budgets(sql: Sql, workspace: str, now: datetime, person: str, only: Scopes | None = None) -> Budgets:
    """Budgets as they stand, or `only` of some scopes; of everybody's direct messages, what `person` spent of theirs.

    A workspace may have hundreds, and what is spent of each is added up.
    """
    history = read_history(sql, workspace)
    wanted = [one for one in history.in_force if only is None or one.scope in only]
    statuses = measure_budgets(sql, [(budget, history.zones) for budget in wanted], now, person)
    return Budgets(tuple(statuses), history.changes)


def change_budget(sql: Sql, budget: Budget, expected: int, zone: str) -> Budget:
    """Keep a change, if `expected` is still the number of the newest one of its scope and period, or 0 for none.

    One that names no zone leaves the workspace's as it is, which is `zone` as long as nobody has chosen any.
    """
    lock_money(sql, budget.scope.workspace)
    changes = list_changes(sql, budget.scope.workspace)
    newest = next((one for one in changes if (one.scope, one.period) == (budget.scope, budget.period)), None)
    if (newest.number if newest else 0) != expected:
        raise VersionConflict(newest.number if newest else None)
    kept = replace(budget, zone=budget.zone or (changes[0].zone if changes else zone))
    kept = replace(kept, number=sql.insert_numbered("budgets", _row_of(kept)))
    if kept.micro_usd is None:
        drop_totals(sql, kept.scope, kept.period)
    record_audit(sql, _describe_change(kept))
    return kept


def measure_budgets(
    sql: Sql, held: Sequence[tuple[Budget, Sequence[ZoneChange]]], now: datetime, person: str
) -> list[BudgetStatus]:
    """How much of each budget is spent in the period that runs now; of direct messages, what `person` spent in theirs.

    Each comes with the changes of its workspace's time zone. Raises Unprepared where that is not counted yet.
    """
    periods = [find_running_period(budget.period, now, zones) for budget, zones in held]
    asked = [
        list_totals(budget.scope, person, budget.period, since)
        for (budget, _), (since, _) in zip(held, periods, strict=True)
    ]
    return [
        BudgetStatus(budget, spent, renews.astimezone(load_zone(budget.zone)), reserved)
        for (budget, _), (_, renews), (spent, reserved) in zip(held, periods, sum_totals(sql, asked), strict=True)
    ]


def within_scope(scope: Scope) -> tuple[str, Row]:
    """A condition on the columns of a request, and its parameters."""
    values = {name: value for name in Scope.__slots__ if (value := getattr(scope, name)) is not None}
    return " AND ".join(f"{name} = :{name}" for name in values), values


def list_limiting_scopes(sql: Sql, planned: PlannedRequest, scopes: Sequence[Scope]) -> list[Scope]:
    """These scopes, and of direct messages the person as each workspace of the platform limits them."""
    everywhere = list_limiting_workspaces(sql, planned.key.workspace, planned.person) if planned.direct else []
    return [*scopes, *(Scope(workspace, person=planned.person) for workspace in everywhere)]


def list_limiting_workspaces(sql: Sql, workspace: str, person: str) -> list[str]:
    """The workspaces of the same platform that ever limited a person."""
    platform = workspace.partition(":")[0]
    found = (row["workspace"] for row in sql.many(LIMITING, {"person": person}))
    return [one for one in found if one.partition(":")[0] == platform]


def refuse_request(sql: Sql, planned: PlannedRequest, scopes: Sequence[Scope]) -> BudgetRefusal | None:
    """The refusal of that budget of these scopes which has the least left, if it is too little.

    Of several the one is named whose hindrance lasts longest: it is too small for this request, however much is left of
    it; it is used up until it renews; it is set aside for answers under way.
    """
    histories = [read_history(sql, workspace) for workspace in sorted({scope.workspace for scope in scopes})]
    found = [(budget, history.zones) for history in histories for budget in history.in_force if budget.scope in scopes]
    if not found:
        return None
    standing = measure_budgets(sql, found, planned.at, planned.person)
    tightest = min(standing, key=lambda one: one.left)
    if planned.micro_usd is None:
        return BudgetRefusal(explain_missing_price(tightest, planned.model), personal=tightest.budget.scope.personal)
    if planned.micro_usd <= tightest.left:
        return None
    smallest, emptiest = min(standing, key=lambda one: one.limit), min(standing, key=lambda one: one.unspent)
    lasting = emptiest if planned.micro_usd > emptiest.unspent else tightest
    named = smallest if planned.micro_usd > smallest.limit else lasting
    return BudgetRefusal(explain_refusal(named, planned.micro_usd), tightest.left, named.budget.scope.personal)


def warn_of_budgets(sql: Sql, request: Row, now: datetime) -> list[BudgetStatus]:
    """Budgets of which a settled request used more than those who can raise it know; from now on they do."""
    workspace, person = request["workspace"], request["person"]
    places = {workspace, *(list_limiting_workspaces(sql, workspace, person) if request["direct"] else ())}
    histories = [read_history(sql, one) for one in sorted(places)]
    held = [
        (budget, history.zones)
        for history in histories
        for budget in history.in_force
        if _counts_request(budget.scope, request)
    ]
    found = []
    for (budget, zones), standing in zip(held, measure_budgets(sql, held, now, person), strict=True):
        used = replace(standing, spent=standing.spent - standing.reserved, reserved=0)
        if used.percent >= min(WARN_AT):
            since, _ = find_running_period(budget.period, now, zones)
            found += [used] if _record_warnings(sql, used, since) else []
    return found


def _counts_request(scope: Scope, request: Row) -> bool:
    """Whether whoever set a budget of this scope is warned of this request.

    Nobody is told how each person's direct messages go.
    """
    if scope.person is not None:
        return bool(scope.person == request["person"])
    return scope.workspace == request["workspace"] and scope.channel in (None, request["channel"])


def _record_warnings(sql: Sql, one: BudgetStatus, since: datetime) -> bool:
    """Whether a threshold is reached for the first time since the budget renewed or was changed."""
    row = {"workspace": one.budget.scope.workspace, "budget": one.budget.number, "since": stamp(since)}
    return sum(sql.count_changes(WARN, {**row, "percent": at}) for at in WARN_AT if one.percent >= at) > 0


def _describe_change(budget: Budget) -> AuditEntry:
    """What the audit log tells of a change."""
    direct = DIRECT if budget.scope.channel == DIRECT else ""
    limit = {} if budget.micro_usd is None else {"micro_usd": budget.micro_usd, "zone": budget.zone}
    return AuditEntry(
        budget.scope.workspace,
        budget.at,
        budget.author,
        AuditAction.BUDGET_SET if limit else AuditAction.BUDGET_CLEAR,
        channel=None if direct else budget.scope.channel,
        subject=budget.scope.person or direct,
        details={"change": budget.number, "period": budget.period.value, **limit},
    )


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
