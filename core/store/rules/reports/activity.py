"""Activity: questions counted by what became of them, and how long their answers took."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.billing.ledger_rows import Scope
from core.store.places.schedules import list_workspace_schedules
from core.store.records.reports.activity import OutcomeCount
from core.store.records.reports.live import Pulse
from core.store.records.schedules import Schedule
from core.store.rules.ledger import QUARTER
from core.store.rules.reports.live import take_pulse
from core.store.sql_port import Engine, Sql, parse_stamp, stamp

OUTCOMES = """
SELECT {quarter} AS quarter, coalesce(outcome, 'open') AS outcome, coalesce(unanswered, '') AS reason,
    count(*) AS count
FROM questions WHERE workspace = :workspace {person} AND at >= :since AND command IS NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

FIRST_PAGES = """
SELECT asked.at AS at, min(messages.at) AS page FROM (
    SELECT id, workspace, channel, name, at FROM questions WHERE workspace = :workspace {person} AND at >= :since
    AND command IS NULL AND outcome = 'shown' ORDER BY at DESC LIMIT :most
) AS asked JOIN messages ON messages.workspace = asked.workspace AND messages.channel = asked.channel
AND messages.answers = asked.name AND messages.mine GROUP BY asked.id, asked.at
"""

PERSON = "AND person = :person"


def count_outcomes(sql: Sql, scope: Scope, since: datetime) -> list[OutcomeCount]:
    """What became of the questions since then, by quarters of an hour, from which any zone's days can be made."""
    rows = sql.many(_ask(OUTCOMES, scope, quarter=QUARTER), _list_values(scope, since))
    return [OutcomeCount(**row) for row in rows]


def measure_first_pages(sql: Sql, scope: Scope, since: datetime, most: int) -> list[timedelta]:
    """The waits of the newest answers. A platform's clock may be behind ours: no wait is less than nothing."""
    rows = sql.many(_ask(FIRST_PAGES, scope), {**_list_values(scope, since), "most": most})
    return [max(timedelta(), parse_stamp(row["page"]) - parse_stamp(row["at"])) for row in rows]


class ReportRepository:
    """Keeps the protocol `Reports`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def count_outcomes(self, scope: Scope, since: datetime) -> Sequence[OutcomeCount]:
        return await self._engine.unit(lambda sql: count_outcomes(sql, scope, since))

    async def measure_first_pages(self, scope: Scope, since: datetime, most: int) -> Sequence[timedelta]:
        return await self._engine.unit(lambda sql: measure_first_pages(sql, scope, since, most))

    async def list_schedules(self, workspace: str) -> Sequence[Schedule]:
        return await self._engine.unit(lambda sql: list_workspace_schedules(sql, workspace))

    async def take_pulse(self, workspace: str, since: datetime, jobs: int) -> Pulse:
        return await self._engine.unit(lambda sql: take_pulse(sql, workspace, since, jobs))


def _ask(statement: str, scope: Scope, **more: str) -> str:
    return statement.format(person=PERSON if scope.person else "", **more)


def _list_values(scope: Scope, since: datetime) -> dict[str, str]:
    person = {"person": scope.person} if scope.person else {}
    return {"workspace": scope.workspace, "since": stamp(since), **person}
