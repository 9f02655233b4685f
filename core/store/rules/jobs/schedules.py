"""Runs of schedules as rows: each is left once, as a question that nobody has just asked, whoever comes first."""

from dataclasses import replace
from datetime import datetime

from core.domain.messages import SINCE_RUN, Outcome, Question, ThreadKey, Unanswered
from core.store.places.advisory_locks import lock_channel
from core.store.places.schedules import find_schedule, note_skipped
from core.store.records.schedules import YOUNG, Schedule, ScheduledRun
from core.store.rules.questions import keep_question, thread_values
from core.store.rules.threads import track_thread
from core.store.sql_port import Row, Sql, parse_stamp, stamp

RUN = "SELECT * FROM schedule_runs WHERE schedule = :schedule AND question = :question"

# The newest one before, whatever came of it; and the newest that told all that there was to tell.
BEFORE = """
SELECT schedule_runs.due_at, questions.outcome, questions.unanswered FROM schedule_runs
JOIN questions ON questions.workspace = :workspace AND questions.channel = :channel
    AND questions.name = schedule_runs.question
WHERE schedule_runs.schedule = :schedule AND schedule_runs.due_at < :due_at AND {which}
ORDER BY schedule_runs.due_at DESC LIMIT 1
"""
CLOSED = "questions.outcome IS NOT NULL"
TOLD = f"questions.outcome IN ('{Outcome.SHOWN.value}', '{Outcome.NOT_FOR_US.value}')"


def leave_run(
    sql: Sql, schedule: Schedule, due_at: datetime, next_at: datetime | None, question: Question | None
) -> bool:
    """Leave the run of a schedule's time as a question, or skip that time; the schedule is due next at `next_at`.

    Where it is not due any more at the time that is known of it, another process was faster, or a person.
    """
    lock_channel(sql, schedule.workspace, schedule.channel)
    now = find_schedule(sql, schedule.id)
    if now is None or now.due_at != schedule.due_at:
        return False
    sql.update("schedules", schedule.id, {"due_at": next_at and stamp(next_at)})
    if question is None:
        note_skipped(sql, schedule.id, due_at)
        return False
    before = _find_before(sql, schedule, due_at, TOLD)
    values = {**question.values, **({SINCE_RUN: before["due_at"]} if before else {})}
    run = {"workspace": schedule.workspace, "schedule": schedule.id, "due_at": stamp(due_at)}
    sql.insert("schedule_runs", {**run, "question": question.name})
    return keep_question(sql, replace(question, values=values))


def find_run(sql: Sql, question: Question) -> ScheduledRun | None:
    """The run that a question is, with what became of the one before."""
    schedule = find_schedule(sql, question.schedule) if question.schedule is not None else None
    row = schedule and sql.one(RUN, {"schedule": schedule.id, "question": question.name})
    if not (schedule and row):
        return None
    due_at = parse_stamp(row["due_at"])
    before = _find_before(sql, schedule, due_at, CLOSED) or {"outcome": None, "unanswered": None}
    declined = before["unanswered"] == Unanswered.DECLINED.value
    return ScheduledRun(schedule, sql.now() - due_at > YOUNG, declined, before["outcome"] == Outcome.EXPIRED.value)


def begin_thread(sql: Sql, row: Row, page: str) -> Row:
    """The first page of a run's answer begins a thread: the question is in that from here on. Its row then."""
    key = ThreadKey(row["workspace"], row["channel"], page)
    track_thread(sql, key, private=False)
    sql.update("questions", row["id"], thread_values(key))
    return {**row, **thread_values(key)}


def _find_before(sql: Sql, schedule: Schedule, due_at: datetime, which: str) -> Row | None:
    """The newest run before a time of which that is so."""
    place = {"workspace": schedule.workspace, "channel": schedule.channel}
    return sql.one(BEFORE.format(which=which), {**place, "schedule": schedule.id, "due_at": stamp(due_at)})
