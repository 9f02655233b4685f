"""Activity: questions counted by what became of them, and how long their answers took."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from core.billing.ledger_rows import Scope, UsageRow
from core.store.places.schedules import list_workspace_schedules
from core.store.records.reports.activity import DayCost, OutcomeCount
from core.store.records.reports.live import Pulse
from core.store.records.schedules import Schedule
from core.store.rules.reports.day_sums import sum_costs_of_days, sum_usage_by_day, sum_usage_of_days
from core.store.rules.reports.live import take_pulse
from core.store.sql_port import Engine, Sql, Values, parse_stamp, stamp

# Day by day, and what was shown apart: so few rows are grouped that nothing large is sorted.
OUTCOMES = """
SELECT 'shown' AS outcome, '' AS reason, count(*) AS count FROM questions
WHERE workspace = :workspace {person} AND at >= :since AND at < :until AND command IS NULL AND outcome = 'shown'
UNION ALL
SELECT coalesce(outcome, 'open'), coalesce(unanswered, ''), count(*) FROM questions
WHERE workspace = :workspace {person} AND at >= :since AND at < :until AND command IS NULL
AND (outcome IS NULL OR outcome <> 'shown') GROUP BY 1, 2
"""

COSTS = """
SELECT count(*) AS requests, CAST(coalesce(sum(coalesce(micro_usd, bound, 0)), 0) AS BIGINT) AS micro_usd,
    CAST(coalesce(sum(saved), 0) AS BIGINT) AS saved,
    CAST(coalesce(sum(coalesce(input, input_bound)), 0) + coalesce(sum(cache_read), 0)
        + coalesce(sum(cache_write_5m), 0) + coalesce(sum(cache_write_1h), 0) AS BIGINT) AS prompt,
    CAST(coalesce(sum(cache_read), 0) AS BIGINT) AS cache_read
FROM requests WHERE workspace = :workspace {person} AND at >= :since AND at < :until
"""

FIRST_PAGES = """
SELECT asked.at AS at, min(messages.at) AS page FROM (
    SELECT id, workspace, channel, name, at FROM questions WHERE workspace = :workspace {person} AND at >= :since
    AND command IS NULL AND outcome = 'shown' ORDER BY at DESC LIMIT :most
) AS asked JOIN messages ON messages.workspace = asked.workspace AND messages.channel = asked.channel
AND messages.answers = asked.name AND messages.mine GROUP BY asked.id, asked.at
"""

TOGETHER = 7  # days that are counted in a unit of work, so that nobody waits for all of them

PERSON = "AND coalesce(person, '') = :person"  # not by the index of people, which has all times


def count_outcomes(sql: Sql, scope: Scope, days: Sequence[Values], first: int) -> list[OutcomeCount]:
    """What became of the questions of each of these days, whose numbers begin with `first`, by outcome and reason."""
    found = sql.many_each(*((_ask(OUTCOMES, scope), one) for one in days))
    counted = (OutcomeCount(day, **row) for day, rows in enumerate(found, first) for row in rows if row["count"])
    return sorted(counted, key=lambda one: (one.day, one.outcome, one.reason))


def sum_own_costs(sql: Sql, scope: Scope, midnights: Sequence[datetime]) -> list[DayCost]:
    """What a person's requests of each of these days came to."""
    found = sql.many_each(*((_ask(COSTS, scope), one) for one in _list_days(scope, midnights)))
    return [DayCost(**row) for (row,) in found]


def measure_first_pages(sql: Sql, scope: Scope, since: datetime, most: int) -> list[timedelta]:
    """The waits of the newest answers. A platform's clock may be behind ours: no wait is less than nothing."""
    rows = sql.many(_ask(FIRST_PAGES, scope), {**_list_values(scope, since), "most": most})
    return [max(timedelta(), parse_stamp(row["page"]) - parse_stamp(row["at"])) for row in rows]


class ReportRepository:
    """Keeps the protocol `Reports`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def count_outcomes(self, scope: Scope, midnights: Sequence[datetime]) -> Sequence[OutcomeCount]:
        days, counted = _list_days(scope, midnights), list[OutcomeCount]()
        for first in range(0, len(days), TOGETHER):
            some = days[first : first + TOGETHER]
            counted += await self.engine.unit(partial(count_outcomes, scope=scope, days=some, first=first))
        return counted

    async def sum_costs(self, scope: Scope, midnights: Sequence[datetime]) -> Sequence[DayCost]:
        if scope.person is None:
            return await sum_costs_of_days(self.engine, scope.workspace, midnights)
        return await self.engine.unit(lambda sql: sum_own_costs(sql, scope, midnights))

    async def sum_usage(self, workspace: str, midnights: Sequence[datetime], by: str) -> Sequence[UsageRow]:
        if by == "day":
            return await sum_usage_by_day(self.engine, workspace, midnights)
        return await sum_usage_of_days(self.engine, workspace, midnights, by)

    async def measure_first_pages(self, scope: Scope, since: datetime, most: int) -> Sequence[timedelta]:
        return await self.engine.unit(lambda sql: measure_first_pages(sql, scope, since, most))

    async def list_schedules(self, workspace: str) -> Sequence[Schedule]:
        return await self.engine.unit(lambda sql: list_workspace_schedules(sql, workspace))

    async def take_pulse(self, workspace: str, since: datetime, jobs: int) -> Pulse:
        return await self.engine.unit(lambda sql: take_pulse(sql, workspace, since, jobs))


def _ask(statement: str, scope: Scope) -> str:
    return statement.format(person=PERSON if scope.person else "")


def _list_days(scope: Scope, midnights: Sequence[datetime]) -> list[dict[str, str]]:
    """The values of each day; nothing has a time after the last one's end."""
    ends = [*(stamp(one) for one in midnights[1:]), "9"]
    return [_list_values(scope, since) | {"until": until} for since, until in zip(midnights, ends, strict=True)]


def _list_values(scope: Scope, since: datetime) -> dict[str, str]:
    person = {"person": scope.person} if scope.person else {}
    return {"workspace": scope.workspace, "since": stamp(since), **person}
