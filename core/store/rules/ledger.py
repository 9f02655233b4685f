"""The ledger: a row for each request, reserved before it is sent and settled after."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from core.billing.budgets import BudgetStatus
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Reservation, Scope, Settlement, UsageRow
from core.domain.usage import Usage
from core.store.places.advisory_locks import lock_money
from core.store.places.budget_totals import add_to_totals
from core.store.places.budgets import list_limiting_scopes, refuse_request, warn_of_budgets, within_scope
from core.store.rules.questions import thread_values
from core.store.sql_port import Row, Sql, stamp

KINDS = tuple(field.name for field in fields(Usage))
COUNTS = ("requests", "died", "micro_usd", "saved", "unpriced", "estimate")

SETTLE = """
UPDATE requests SET state = :state, outcome = :outcome, settled_at = :at, answered_by = :model,
request_id = :request, input = :input, output = :output, thinking = :thinking, cache_read = :cache_read,
cache_write_5m = :cache_write_5m, cache_write_1h = :cache_write_1h, web_searches = :web_searches,
micro_usd = CASE :state WHEN 'died' THEN coalesce(:micro_usd, bound) ELSE :micro_usd END, saved = :saved, miss = :miss,
input_bound = coalesce(:input_bound, input_bound), output_bound = coalesce(:output_bound, output_bound),
estimate = :estimate, step = CASE WHEN EXISTS (
    SELECT 1 FROM questions WHERE questions.workspace = requests.workspace AND questions.channel = requests.channel
    AND questions.name = requests.question AND questions.outcome IS NULL
) THEN step END
WHERE id = :id AND state = 'reserved' RETURNING *
"""
"""It may have been asked when its question was closed already, by a process that did not know yet."""

DIED = """
UPDATE requests SET state = 'died', outcome = 'died', settled_at = :at, micro_usd = bound
WHERE state = 'reserved' AND workspace = :workspace AND channel = :channel AND question = :name
"""

QUARTER = """substr(at, 1, 14) || CASE WHEN substr(at, 15, 2) < '15' THEN '00' WHEN substr(at, 15, 2) < '30' THEN '15'
    WHEN substr(at, 15, 2) < '45' THEN '30' ELSE '45' END"""
BILL = """substr(at, 1, 10) || ' ' || coalesce(answered_by, model)
    || CASE WHEN input IS NULL THEN ' died' ELSE ' used' END"""
PERSONA = """CASE WHEN persona_wide IS NULL THEN 'unknown' WHEN persona = 0 THEN 'default'
    WHEN persona_wide = TRUE THEN '#' || CAST(persona AS VARCHAR)
    ELSE channel || '#' || CAST(persona AS VARCHAR) END"""
"""The place and the version that gave an answer, the whole workspace's as `#3`. Unknown are those of requests beside an
answer, and of those that an early release made."""
GROUPS = {
    "person": "person",
    "channel": "channel",
    "model": "coalesce(answered_by, model)",
    "thread": "thread",
    "day": "substr(at, 1, 10)",
    "quarter": QUARTER,
    "miss": "coalesce(miss, '')",
    "persona": PERSONA,
    "bill": BILL,
}

# What has no usage stands at its bound.
USED = """
SELECT {group} AS name,
    count(*) AS requests,
    count(*) FILTER (WHERE input IS NULL) AS died,
    CAST(sum(coalesce(input, input_bound)) AS BIGINT) AS input,
    CAST(sum(coalesce(output, output_bound)) AS BIGINT) AS output,
    CAST(sum(coalesce(thinking, 0)) AS BIGINT) AS thinking,
    CAST(sum(coalesce(cache_read, 0)) AS BIGINT) AS cache_read,
    CAST(sum(coalesce(cache_write_5m, 0)) AS BIGINT) AS cache_write_5m,
    CAST(sum(coalesce(cache_write_1h, 0)) AS BIGINT) AS cache_write_1h,
    CAST(sum(coalesce(web_searches, 0)) AS BIGINT) AS web_searches,
    CAST(sum(coalesce(micro_usd, bound, 0)) AS BIGINT) AS micro_usd,
    CAST(sum(coalesce(saved, 0)) AS BIGINT) AS saved,
    CAST(sum(coalesce(estimate, 0)) AS BIGINT) AS estimate,
    count(*) FILTER (WHERE coalesce(micro_usd, bound) IS NULL) AS unpriced
FROM requests WHERE {scope} AND at >= :since
GROUP BY 1 ORDER BY 1
"""

REOPEN_DAYS = """
UPDATE day_sum_progress SET until = :at, token = '', due_at = :at WHERE workspace = :workspace AND until > :at
"""
"""A request of a process whose clock is behind: the sums of its day hold no more, and whoever counts it begins anew."""

WORKSPACES = "SELECT DISTINCT workspace FROM requests ORDER BY workspace"


def reserve_request(sql: Sql, planned: PlannedRequest, scopes: Sequence[Scope]) -> Reservation | BudgetRefusal:
    """Set the worst case aside, unless a budget forbids it."""
    limiting = list_limiting_scopes(sql, planned, scopes)
    for workspace in sorted({planned.key.workspace, *(scope.workspace for scope in limiting)}):
        lock_money(sql, workspace)
    refusal = refuse_request(sql, planned, limiting)
    if refusal:
        return refusal
    same = (name for name in PlannedRequest.__slots__ if name not in ("key", "at", "micro_usd"))
    record = {name: getattr(planned, name) for name in same}
    more = {"at": stamp(planned.at), "bound": planned.micro_usd, "state": "reserved"}
    sql.execute(REOPEN_DAYS, {"workspace": planned.key.workspace, "at": more["at"]})
    row = {**thread_values(planned.key), **record, **more}
    add_to_totals(sql, row, planned.micro_usd or 0)
    number = sql.insert_numbered("requests", row)
    return Reservation(number, planned.key.workspace)


def settle_request(sql: Sql, reservation: Reservation, settled: Settlement) -> list[BudgetStatus]:
    """Write down what a request used, once. The budgets of which those who can raise them must be told now."""
    usage = asdict(settled.usage) if settled.usage else dict.fromkeys(KINDS)
    how = {
        "id": reservation.id,
        "state": "settled" if settled.usage else "died",
        "outcome": settled.outcome,
        "at": stamp(settled.at),
        "model": settled.model,
        "request": settled.request,
        "micro_usd": settled.micro_usd,
        "saved": settled.saved,
        "miss": settled.miss,
        "input_bound": settled.input_bound,
        "output_bound": settled.output_bound,
        "estimate": settled.estimate,
    }
    lock_money(sql, reservation.workspace)
    row = sql.one(SETTLE, {**usage, **how})
    if row is None:
        return []
    bound = row["bound"] or 0
    cost = bound if row["micro_usd"] is None else row["micro_usd"]
    add_to_totals(sql, row, cost - bound)
    return warn_of_budgets(sql, row, settled.at)


def write_off_requests(sql: Sql, question: Row, at: datetime) -> None:
    """The process that asked Claude this stopped before it knew the cost: its requests stay at their bounds."""
    sql.execute(DIED, {**question, "at": stamp(at)})


def sum_usage(sql: Sql, scope: Scope, since: datetime, by: str) -> list[UsageRow]:
    """Lines by group, in the order of their names."""
    condition, values = within_scope(scope)
    rows = sql.many(USED.format(group=GROUPS[by], scope=condition), {**values, "since": stamp(since)})
    return [
        UsageRow(
            row["name"], usage=Usage(**{kind: row[kind] for kind in KINDS}), **{name: row[name] for name in COUNTS}
        )
        for row in rows
    ]


def list_workspaces(sql: Sql) -> list[str]:
    return [row["workspace"] for row in sql.many(WORKSPACES, {})]
