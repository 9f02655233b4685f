"""Erasures of what jobs hold: jobs go with who gave them and where, and rows with the messages that they tell."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from core.billing.ledger_rows import Scope
from core.prompting.row_prompts import RowPrompt
from core.store.records.jobs import JobState, RowState
from core.store.rules.jobs.endings import DELETE_ROWS, drop_job
from core.store.rules.jobs.jobs import end_if_done
from core.store.rules.jobs.records import BY_ID, read_job
from core.store.rules.questions import find_question, thread_key, withdraw_questions
from core.store.sql_port import Row, Sql, Values, stamp

DELETED = "its message was deleted"
EDITED = "its message was edited"
TEXT = "text"  # the column that has the words of a message
FORGOTTEN = "its message was forgotten"

OF_PLACE = "SELECT * FROM jobs WHERE workspace = :workspace AND {which}"

MADE_OF = """
SELECT DISTINCT jobs.id, jobs.workspace, jobs.channel FROM job_rows JOIN jobs ON jobs.id = job_rows.job
WHERE jobs.workspace = :workspace AND job_rows.cells <> '[]' AND {which} ORDER BY jobs.channel, jobs.id
"""

ERASE_ROWS = """
UPDATE job_rows SET cells = '[]', result = NULL, state = 'failed', problem = :problem
WHERE job = :job AND cells <> '[]' AND {which}
"""

ROW_OF_MESSAGE = "SELECT * FROM job_rows WHERE job = :job AND message = :message AND cells <> '[]'"

FOLLOW_EDIT = """
UPDATE job_rows SET cells = :cells, size = :size, input_bound = :input_bound WHERE job = :job AND number = :number
"""

OF_MESSAGE = "job_rows.message = :message"

# Of a row that was kept before its author was, nobody knows who said it.
OF_PERSON = """(job_rows.author = :person OR (job_rows.author IS NULL AND job_rows.message IS NOT NULL) OR EXISTS (
    SELECT 1 FROM messages JOIN questions ON questions.workspace = messages.workspace
        AND questions.channel = messages.channel AND questions.reply = messages.answers
    WHERE messages.workspace = :workspace AND messages.channel = :place AND messages.message = job_rows.message
        AND questions.person = :person
))"""

OF_THREAD = """(job_rows.message = :thread OR EXISTS (
    SELECT 1 FROM messages WHERE messages.workspace = :workspace AND messages.channel = :place
        AND messages.message = job_rows.message AND messages.thread = :thread
))"""

OF_REQUEST = """EXISTS (
    SELECT 1 FROM job_messages WHERE job_messages.job = job_rows.job AND job_messages.number = job_rows.number
    AND job_messages.message = :message
)"""

OF_TASKS = """
SELECT * FROM jobs WHERE workspace = :workspace AND {where} AND EXISTS (
    SELECT 1 FROM job_messages WHERE job_messages.job = jobs.id
)
"""

WITH_MESSAGES = """
SELECT * FROM jobs WHERE workspace = :workspace AND {where} AND EXISTS (
    SELECT 1 FROM job_rows WHERE job_rows.job = jobs.id AND job_rows.message IS NOT NULL
)
"""

# What Anthropic has of it nobody waits for any more.
DOOM_EMPTY = """
UPDATE batches SET doomed = TRUE, due_at = :now WHERE job = :job AND state <> 'collected'
AND NOT EXISTS (SELECT 1 FROM job_rows WHERE job_rows.batch = batches.id AND job_rows.state <> 'failed')
"""


def erase_row_of(sql: Sql, workspace: str, channel: str, message: str) -> None:
    """A message is gone: the rows that were made of it hold no word any more, and are not asked, or told."""
    values = {"workspace": workspace, "place": channel, "message": message}
    for which in (OF_MESSAGE, OF_REQUEST):
        for job in sql.many(MADE_OF.format(which=f"jobs.channel = :place AND {which}"), values):
            _erase_rows(sql, job, which, {"message": message}, DELETED)


def follow_edit(sql: Sql, workspace: str, channel: str, message: str, text: str) -> None:
    """A message says something else: rows that were not sent say so too, and the others hold no word any more."""
    which = f"jobs.channel = :place AND {OF_MESSAGE}"
    for job in sql.many(MADE_OF.format(which=which), {"workspace": workspace, "place": channel, "message": message}):
        for row in sql.many(ROW_OF_MESSAGE, {"job": job["id"], "message": message}):
            asked = read_job(sql.one(BY_ID, {"job": job["id"]}) or job).plan
            cells = json.loads(row["cells"])
            place = asked.prompt.columns.index(TEXT) if asked and TEXT in asked.prompt.columns else None
            if place is None or asked is None or cells[place] == text:
                continue
            said = [*cells[:place], text, *cells[place + 1 :]]
            if row["state"] == RowState.WAITING.value:
                sql.execute(FOLLOW_EDIT, {**_measure_edit(asked.prompt, row, cells, said), "job": job["id"]})
            else:
                _erase_rows(sql, job, OF_MESSAGE, {"message": message}, EDITED)


def _measure_edit(asked: RowPrompt, row: Row, before: Sequence[str], after: Sequence[str]) -> Values:
    """A row as it is after an edit, with what its request takes now. What it costs is looked up before it is sent."""
    old, new = asked.fill(before), asked.fill(after)
    return {
        "number": row["number"],
        "cells": json.dumps(after, ensure_ascii=False),
        "size": row["size"] + len(json.dumps(new)) - len(json.dumps(old)),
        "input_bound": row["input_bound"] + len(new.encode()) - len(old.encode()),
    }


def forget_jobs(sql: Sql, scope: Scope) -> None:
    """A scope is forgotten: so are its jobs, and in those of others the rows that are made of its messages.

    Of those that were closed a line of the list stays, without a word. Jobs of tasks that were told messages go as a
    whole: whose those are is not known.
    """
    held = {"channel": scope.channel, "thread": scope.thread, "person": scope.person}
    for job in _list_jobs(sql, scope.workspace, None, held):
        if job["state"] == JobState.CLOSED.value:
            _forget_words(sql, job)
        else:
            _erase_job(sql, job)
    conditions = [condition for condition, value in ((OF_PERSON, scope.person), (OF_THREAD, scope.thread)) if value]
    if not conditions:
        return
    values = {"workspace": scope.workspace, "person": scope.person, "thread": scope.thread}
    where = "channel = :channel" if scope.channel is not None else "TRUE"
    for job in sql.many(OF_TASKS.format(where=where), {**values, "channel": scope.channel}):
        _erase_job(sql, job)
    for job in sql.many(WITH_MESSAGES.format(where=where), {**values, "channel": scope.channel}):
        _erase_rows(sql, job, " AND ".join(conditions), values, FORGOTTEN)


def _erase_rows(sql: Sql, job: Row, which: str, values: Values, problem: str) -> None:
    """Rows of a job hold no word any more. What Anthropic has of no others is cancelled there, and settled."""
    erased = {**values, "workspace": job["workspace"], "place": job["channel"], "job": job["id"], "problem": problem}
    if sql.count_changes(ERASE_ROWS.format(which=which), erased):
        sql.execute(DOOM_EMPTY, {"job": job["id"], "now": stamp(sql.lease_time())})
        end_if_done(sql, job["id"])


def erase_jobs(sql: Sql, workspace: str, until: datetime | None = None, **scope: str | None) -> None:
    """Erase the jobs of a workspace, or of a channel, thread, person or source of it; those given `until` then."""
    for job in _list_jobs(sql, workspace, until, scope):
        _erase_job(sql, job)


def _list_jobs(sql: Sql, workspace: str, until: datetime | None, scope: Mapping[str, str | None]) -> list[Row]:
    conditions = [f"{name} = :{name}" for name, value in scope.items() if value is not None]
    values = {"workspace": workspace, **scope}
    if until is not None:
        conditions, values = [*conditions, "at <= :until"], {**values, "until": stamp(until)}
    return sql.many(OF_PLACE.format(which=" AND ".join(conditions or ["TRUE"])), values)


def _forget_words(sql: Sql, job: Row) -> None:
    """What is kept of a job that is closed says no word any more: its number, its figures and its cost stay."""
    sql.execute(DELETE_ROWS, job)
    sql.update("jobs", job["id"], {"plan": None, "origin": None})


def _erase_job(sql: Sql, job: Row) -> None:
    drop_job(sql, job)
    run = find_question(sql, thread_key(job), job["run"]) if job["run"] else None
    if run:
        withdraw_questions(sql, [run])
