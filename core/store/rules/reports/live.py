"""Live figures of a workspace, read in one unit of work for all who look."""

from datetime import datetime

from core.store.records.jobs import JobState
from core.store.records.reports.live import PersonCount, Pulse
from core.store.rules.jobs.jobs import list_newest_of_workspace
from core.store.sql_port import Sql, stamp

PEOPLE = """
SELECT person, CAST(sum(waiting) AS BIGINT) AS waiting, CAST(sum(answered) AS BIGINT) AS answered,
    CAST(sum(micro_usd) AS BIGINT) AS micro_usd
FROM (
    SELECT person, count(*) AS waiting, 0 AS answered, 0 AS micro_usd FROM questions
    WHERE workspace = :workspace AND outcome IS NULL AND command IS NULL GROUP BY person
    UNION ALL
    SELECT coalesce(person, ''), 0, count(*), 0 FROM questions
    WHERE workspace = :workspace AND at >= :since AND command IS NULL AND outcome = 'shown' GROUP BY 1
    UNION ALL
    SELECT coalesce(person, ''), 0, 0, sum(coalesce(micro_usd, bound, 0)) FROM requests
    WHERE workspace = :workspace AND at >= :since GROUP BY 1
) AS counted GROUP BY person
"""
"""Grouped by a column that is in an index of all times, today's rows would be looked for among all of these."""

SESSIONS = "SELECT token FROM sign_in_sessions WHERE workspace = :workspace AND expires_at > :now"

DONE = "SELECT job, count(*) AS count FROM job_rows WHERE {jobs} AND state IN ('done', 'failed') GROUP BY job"


def take_pulse(sql: Sql, workspace: str, since: datetime, jobs: int) -> Pulse:
    """How the workspace stands: what was asked since then, and its newest jobs."""
    people = sql.many(PEOPLE, {"workspace": workspace, "since": stamp(since)})
    sessions = sql.many(SESSIONS, {"workspace": workspace, "now": stamp(sql.now())})
    newest = list_newest_of_workspace(sql, workspace, jobs)
    running = [one.id for one in newest if one.state is JobState.STARTED]
    done = sql.many(DONE.format(jobs=sql.among("job", "running")), {"running": running}) if running else []
    return Pulse(
        {row.pop("person") or "": PersonCount(**row) for row in map(dict, people)},
        newest,
        {row["job"]: row["count"] for row in done},
        frozenset(row["token"] for row in sessions),
    )
