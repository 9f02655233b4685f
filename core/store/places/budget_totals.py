"""Budget totals: what busy scopes have spent since their budgets renewed, so that no reservation adds up a month.

A total is the sum over those requests of a scope that began at its `counted_from` or later, by whatever clock. It is
exact at each moment, because

- what changes the cost of a request (it is reserved, it is settled) changes in the same unit of work, with the lock on
  its workspace's money, the totals that have it. One that is written off stays at its bound, which was counted before;
- a count moves `counted_from` back to the period's beginning, so many requests in a unit of work, with that lock too.
  Requests that began before `counted_from` change no total until then, and are added up beside it.

A total that is missing is made by a count, when there are many requests to add up without it. So any may be deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial

from core.billing.budgets import Period
from core.billing.ledger_rows import DIRECT, Scope, name_personal_workspace
from core.store.places.advisory_locks import lock_money
from core.store.sql_port import Row, Sql, Unprepared, Values, stamp

FEW = 100  # requests that are added up as quickly as a total is kept
ROOM = 4_000  # requests that are counted in a unit of work: some milliseconds
END = "9"  # after every time
LENGTHS = {Period.DAY: timedelta(days=1), Period.WEEK: timedelta(days=7), Period.MONTH: timedelta(days=31)}

KEY = "workspace = :workspace AND channel = :channel AND person = :person AND period = :period AND since = :since"

STANDING = f"SELECT spent, counted_from FROM budget_totals WHERE {KEY}"  # noqa: S608  a constant

# What is reserved counts with its bound, so that those under way can't spend the same money. These are few, and found
# by an index of their own as long as no other one fits better: whose they are is looked at in each.
SPENT = f"""
WITH standing AS ({STANDING})
SELECT count(*) AS others, CAST(coalesce((SELECT spent FROM standing), 0)
        + coalesce(sum(coalesce(micro_usd, bound)) FILTER (WHERE {{what}}), 0) AS BIGINT) AS spent,
    (SELECT CAST(coalesce(sum(bound) FILTER (WHERE {{scope}} AND {{what}} AND at >= :since), 0) AS BIGINT)
        FROM requests WHERE workspace = :workspace AND state = 'reserved') AS reserved
FROM (
    SELECT micro_usd, bound, direct FROM requests WHERE {{scope}} AND at >= :since
    AND at < coalesce((SELECT counted_from FROM standing), '{END}') ORDER BY at DESC LIMIT :few
) AS others
"""  # noqa: S608  no value is in it

NEWEST = """
SELECT count(*) AS count, min(at) AS first FROM (
    SELECT at FROM requests WHERE {scope} AND at >= :since AND at < :until ORDER BY at DESC LIMIT :room
) AS newest
"""

SUM = """
SELECT CAST(coalesce(sum(coalesce(micro_usd, bound)) FILTER (WHERE {what}), 0) AS BIGINT) AS spent
FROM requests WHERE {scope} AND at >= :first AND at < :until
"""

KEEP = """
INSERT INTO budget_totals (workspace, channel, person, period, since, counted_from, spent)
VALUES (:workspace, :channel, :person, :period, :since, :first, :spent)
ON CONFLICT (workspace, channel, person, period, since)
DO UPDATE SET counted_from = excluded.counted_from, spent = excluded.spent
"""

DROP_OLD = """
DELETE FROM budget_totals
WHERE workspace = :workspace AND channel = :channel AND person = :person AND period = :period AND since < :old
"""

DROP = "DELETE FROM budget_totals WHERE workspace = :workspace AND channel = :channel AND period = :period{person}"

# All that a request counts in, by look-ups alone: no total is of a channel and a person, unless it is of both together.
ADD = """
UPDATE budget_totals SET spent = spent + :micro_usd WHERE workspace = :workspace AND channel IN ('', :channel, :direct)
AND person IN ('', :person) AND counted_from <= :at
"""


@dataclass(frozen=True, slots=True)
class Total:
    """What a total is of: a workspace, a channel, or a person and perhaps their direct messages alone."""

    workspace: str
    channel: str
    """Empty for all, `DIRECT` for direct messages."""
    person: str
    """Empty for all."""
    period: Period
    since: datetime

    @property
    def values(self) -> Row:
        names = ("workspace", "channel", "person")
        return {name: getattr(self, name) for name in names} | {"period": self.period.value, "since": stamp(self.since)}

    def write(self, statement: str) -> str:
        """The statement for the requests of this scope."""
        direct = self.channel == DIRECT
        return _write(statement, direct, channel=bool(self.channel) and not direct, person=bool(self.person) or direct)


@cache
def _write(statement: str, direct: bool, **places: bool) -> str:
    """`scope` is what an index finds, and `what` is looked at in each of these."""
    scope = ["workspace = :workspace", *(f"{name} = :{name}" for name, held in places.items() if held)]
    return statement.format(scope=" AND ".join(scope), what="direct" if direct else "TRUE")


def list_totals(scope: Scope, person: str, period: Period, since: datetime) -> list[Total]:
    """The totals that are together what a budget's scope has spent; of everybody's direct messages, what `person` has.

    What is a person's counts in their direct messages too, where these belong to no workspace.
    """
    if scope.person is None and scope.channel != DIRECT:
        return [Total(scope.workspace, scope.channel or "", "", period, since)]
    workspaces = dict.fromkeys((scope.workspace, name_personal_workspace(scope.workspace)))
    return [Total(one, scope.channel or "", scope.person or person, period, since) for one in workspaces]


def sum_totals(sql: Sql, asked: Sequence[Sequence[Total]]) -> list[tuple[int, int]]:
    """What is spent of each, and how much of that is reserved. Raises Unprepared where much is still to be counted.

    For each it reads at most as many requests as are few, and those under way.
    """
    totals = list(dict.fromkeys(one for some in asked for one in some))
    rows = sql.many_each(*((one.write(SPENT), {**one.values, "few": FEW}) for one in totals)) if totals else []
    found = {total: row for total, (row,) in zip(totals, rows, strict=True)}
    if uncounted := [total for total, row in found.items() if row["others"] == FEW]:
        raise Unprepared([partial(count_more, total=total) for total in uncounted])
    return [(sum(found[one]["spent"] for one in some), sum(found[one]["reserved"] for one in some)) for some in asked]


def count_more(sql: Sql, total: Total, room: int = ROOM) -> bool:
    """Add the newest of the requests to a total that it does not have yet. Whether it has all of them now."""
    values = total.values
    if (standing := sql.one(STANDING, values)) and standing["counted_from"] == values["since"]:
        return True  # others did, while this one waited, and it holds up nobody
    lock_money(sql, total.workspace)
    standing = sql.one(STANDING, values) or {"spent": 0, "counted_from": END}
    part: Values = {**values, "until": standing["counted_from"], "room": room}
    (newest,) = sql.many(total.write(NEWEST), part)
    first = newest["first"] if newest["count"] == room else values["since"]
    (more,) = sql.many(total.write(SUM), {**part, "first": first})
    sql.execute(KEEP, {**values, "first": first, "spent": standing["spent"] + more["spent"]})
    if first == values["since"]:  # that of the period before stays, for a process whose clock is behind
        sql.execute(DROP_OLD, {**values, "old": stamp(total.since - LENGTHS[total.period])})
    return bool(first == values["since"])


def add_to_totals(sql: Sql, request: Row, micro_usd: int) -> None:
    """A request of these columns costs so much more from now on; the money of its workspace is locked."""
    if micro_usd:
        found = {name: request[name] for name in ("workspace", "channel", "person", "at")}
        sql.execute(ADD, {**found, "direct": DIRECT if request["direct"] else "", "micro_usd": micro_usd})


def drop_totals(sql: Sql, scope: Scope, period: Period) -> None:
    """Nobody asks for those of a budget that is taken away."""
    of = {"workspace": scope.workspace, "channel": scope.channel or "", "period": period.value}
    everybody = scope.channel == DIRECT
    person = {} if everybody else {"person": scope.person or ""}
    sql.execute(DROP.format(person="" if everybody else " AND person = :person"), {**of, **person})
