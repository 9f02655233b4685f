"""Jobs: read, offered, started, cancelled, and shown by a question that waits while they run."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace

from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Scopes
from core.domain.messages import Question, ThreadKey, clean_text
from core.store.places.advisory_locks import lock_channel
from core.store.places.budgets import list_limiting_scopes, refuse_request
from core.store.records.claims import Claim
from core.store.records.jobs import Job, JobPlan, JobProgress, JobRow, JobState, NewRow, RowState
from core.store.rules.claims import fence_claim
from core.store.rules.jobs.endings import RETRYABLE_ROWS, drop_job, is_shown_job
from core.store.rules.jobs.portions import build_run
from core.store.rules.jobs.records import BY_ID, read_job, read_row, write_plan
from core.store.rules.processes.announcements import announce_job
from core.store.rules.questions import (
    keep_question,
    thread_key,
    thread_values,
)
from core.store.sql_port import Row, Sql, stamp

STARTED = "It starts."
STARTED_BEFORE = "This batch was started already."
NOT_STARTED = "This batch was not started yet, so no row of it has failed."
STILL_RUNS = "This batch still runs. Its rows without an answer can be asked again once it has ended."
NEVER_ASKED = "It is dropped. None of its rows were asked, and I keep nothing of them."
GONE = "I keep nothing of this batch any more. Give the command again."
CANCELED = "It is stopped: what was answered by then comes in a moment."
OVER = "This batch has ended already."
AGAIN = "Its results come in a moment, where it was started."
UNPOSTED = "Its results are not all posted yet. `batch show {}` posts them."
NOTHING_FAILED = "No row of this batch is left that could be asked again."

BEGUN_BEFORE = """
SELECT * FROM jobs WHERE workspace = :workspace AND channel = :channel AND question = :name AND run IS NULL
"""

NUMBER = "SELECT max(number) AS number FROM jobs WHERE workspace = :workspace AND channel = :channel"

BOUNDS = """
SELECT count(*) AS count, CAST(sum(input_bound) AS BIGINT) AS input_bound, CAST(sum(bound) AS BIGINT) AS bound,
    count(*) FILTER (WHERE bound IS NULL) AS unpriced
FROM job_rows WHERE job = :job
"""

OF_QUESTION = """
SELECT * FROM jobs WHERE workspace = :workspace AND channel = :channel AND (question = :name OR run = :name)
ORDER BY CASE WHEN run = :name THEN 0 ELSE 1 END, id DESC LIMIT 1
"""

NEWEST = """
SELECT * FROM jobs WHERE workspace = :workspace AND channel = :channel AND state <> 'read' {which}
ORDER BY number DESC LIMIT :most
"""

NEWEST_OF_WORKSPACE = """
SELECT * FROM jobs WHERE workspace = :workspace AND state <> 'read' ORDER BY id DESC LIMIT :most
"""

STATES = "SELECT state, count(*) AS count FROM job_rows WHERE job = :job GROUP BY state"

BATCHES = """
SELECT count(*) AS count, count(*) FILTER (WHERE state IN ('sending', 'running')) AS running,
    count(*) FILTER (WHERE state = 'planned') AS planned, CAST(sum(bound) AS BIGINT) AS bound
FROM batches WHERE job = :job
"""

ROWS = "SELECT * FROM job_rows WHERE job = :job AND number > :after ORDER BY number LIMIT :most"

FAIL_WAITING = "UPDATE job_rows SET state = 'failed', problem = :problem WHERE job = :job AND state = 'waiting'"

COSTS = """
SELECT CAST(coalesce(sum(cost), 0) AS BIGINT) AS cost FROM jobs
WHERE workspace = :workspace AND channel = :channel AND run = :name AND question = :name
"""

UNFINISHED = "SELECT 1 AS one FROM job_rows WHERE job = :job AND state IN ('waiting', 'sent') LIMIT 1"

UNSETTLED = "SELECT 1 AS one FROM batches WHERE job = :job AND state <> 'collected' LIMIT 1"

FAILED = "SELECT count(*) AS count FROM job_rows WHERE job = :job AND state = 'failed'"

HASTEN = "UPDATE batches SET due_at = :now WHERE job = :job"

MOVE_FAILED = """
UPDATE job_rows SET job = :new, state = 'waiting', batch = NULL, result = NULL, problem = NULL, micro_usd = NULL
WHERE job = :job AND state = 'failed' AND size > 0 AND cells <> '[]'
"""

WAKE = """
UPDATE questions SET parked = 'woken'
WHERE workspace = :workspace AND channel = :channel AND name = :run AND parked = 'waiting'
"""

UNPOSTED_RUN = """
SELECT 1 AS one FROM questions
WHERE workspace = :workspace AND channel = :channel AND name = :run AND parked = 'waiting'
"""

PARK = "UPDATE questions SET parked = :parked WHERE claim = :claim"

CANCELED_ROW = "stopped"


def begin_job(sql: Sql, claim: Claim, plan: JobPlan, source: str, persona: int) -> int:
    """Keep a job of a command whose rows come now; what the command began before is dropped. Raises LeaseLost."""
    question = fence_claim(sql, claim)
    for before in sql.many(BEGUN_BEFORE, question):
        drop_job(sql, before)
    homes = claim.question.homes
    return sql.insert_numbered(
        "jobs",
        {
            **thread_values(claim.question.key),
            "number": _find_number(sql, claim.question.key),
            "question": claim.question.name,
            "source": source,
            "person": claim.question.person,
            "homes": None if homes is None else json.dumps(homes),
            "state": JobState.READ.value,
            "plan": write_plan(plan),
            "origin": clean_text(plan.source),
            "persona": persona,
            "cost": 0,
            "total": 0,
            "at": stamp(sql.now()),
        },
    )


def add_rows(sql: Sql, claim: Claim, job: int, rows: Sequence[NewRow]) -> None:
    """Keep some of its rows. Raises LeaseLost."""
    fence_claim(sql, claim)
    for row in rows:
        bounds = {"size": row.size, "input_bound": row.input_bound, "bound": row.bound}
        state = RowState.FAILED if row.problem else RowState.WAITING
        waiting = {"job": job, "number": row.number, "state": state.value, "problem": row.problem or None}
        waiting |= {"message": row.message, "author": row.author, "model": row.model}
        cells = clean_text(json.dumps(row.cells, ensure_ascii=False))
        sql.insert("job_rows", {**waiting, "cells": cells, **bounds})
        for message in row.messages:
            sql.insert_new("job_messages", {"job": job, "number": row.number, "message": message})


def offer_job(sql: Sql, claim: Claim, job: int, planned: PlannedRequest, scopes: Scopes) -> BudgetRefusal | None:
    """Let a job be started, unless a budget would forbid it now. Raises LeaseLost."""
    fence_claim(sql, claim)
    if refusal := refuse_job(sql, job, planned, scopes):
        return refusal
    sql.update("jobs", job, {"state": JobState.OFFERED.value, "total": _count_rows(sql, job)})
    return None


def wait_for_job(sql: Sql, claim: Claim, job: int, planned: PlannedRequest, scopes: Scopes) -> BudgetRefusal | None:
    """Start a job whose command waits for it, unless a budget would forbid it now, or it waits no more.

    Raises LeaseLost.
    """
    question, now = fence_claim(sql, claim), stamp(sql.now())
    if question["withdrawn_at"]:
        return None
    if refusal := refuse_job(sql, job, planned, scopes):
        return refusal
    started = {
        "state": JobState.STARTED.value,
        "run": claim.question.name,
        "begun_at": now,
        "due_at": stamp(sql.lease_time()),
    }
    announce_job(sql)
    sql.update("jobs", job, {**started, "total": _count_rows(sql, job)})
    return None


def refuse_job(sql: Sql, job: int, planned: PlannedRequest, scopes: Scopes) -> BudgetRefusal | None:
    """Why a budget would forbid all of its rows now."""
    bounds = sql.many(BOUNDS, {"job": job})[0]
    worst = None if bounds["unpriced"] else bounds["bound"]
    planned = replace(planned, input_bound=bounds["input_bound"], micro_usd=worst)
    return refuse_request(sql, planned, list_limiting_scopes(sql, planned, scopes))


def _count_rows(sql: Sql, job: int) -> int:
    return int(sql.many(BOUNDS, {"job": job})[0]["count"])


def sum_job_costs(sql: Sql, key: ThreadKey, name: str) -> int:
    """What the jobs that a command waits for have cost so far, in micro-dollars."""
    return int(sql.many(COSTS, {**thread_values(key), "name": name})[0]["cost"])


def find_job(sql: Sql, key: ThreadKey, name: str) -> Row | None:
    """The job that was offered, or is shown, below the answer to this command."""
    return sql.one(OF_QUESTION, {**thread_values(key), "name": name})


def find_numbered(sql: Sql, key: ThreadKey, number: int | None) -> Job | None:
    which = "" if number is None else "AND number = :number"
    row = sql.one(NEWEST.format(which=which), {**thread_values(key), "number": number, "most": 1})
    return read_job(row) if row else None


def list_newest(sql: Sql, key: ThreadKey, most: int) -> list[Job]:
    return [read_job(row) for row in sql.many(NEWEST.format(which=""), {**thread_values(key), "most": most})]


def list_newest_of_workspace(sql: Sql, workspace: str, most: int) -> list[Job]:
    """The newest of all channels."""
    return [read_job(row) for row in sql.many(NEWEST_OF_WORKSPACE, {"workspace": workspace, "most": most})]


def measure_job(sql: Sql, job: int) -> JobProgress:
    """How far its rows and batches are."""
    states, (batches,), (bounds,), (again,) = sql.many_each(
        (STATES, {"job": job}), (BATCHES, {"job": job}), (BOUNDS, {"job": job}), (RETRYABLE_ROWS, {"job": job})
    )
    rows = {RowState(row["state"]): row["count"] for row in states}
    bound = None if bounds["unpriced"] else max(bounds["bound"] or 0, batches["bound"] or 0)
    return JobProgress(rows, bound, batches["count"], batches["running"], batches["planned"], again["count"])


def list_rows(sql: Sql, job: int, after: int, most: int) -> list[JobRow]:
    return [read_row(row) for row in sql.many(ROWS, {"job": job, "after": after, "most": most})]


def start_job(sql: Sql, by: Question, number: int) -> str:
    """Start an offered job: a question of its own is left, whose answer shows it. What came of that, in a sentence."""
    job = _lock_job(sql, number)
    if job is None:
        return GONE
    if job["state"] != JobState.OFFERED.value:
        return OVER if job["state"] == JobState.CLOSED.value else STARTED_BEFORE
    _run(sql, job, by)
    return STARTED


def retry_job(sql: Sql, by: Question, number: int) -> str:
    """Ask the rows without an answer again, in a job of their own. What came of that, in a sentence."""
    job = _lock_job(sql, number)
    if job is None or job["plan"] is None:
        return NOTHING_FAILED if job else GONE
    if job["state"] == JobState.ENDED.value:
        return UNPOSTED.format(job["number"])
    if job["state"] != JobState.CLOSED.value:
        return NOT_STARTED if job["state"] == JobState.OFFERED.value else STILL_RUNS
    if not sql.many(RETRYABLE_ROWS, {"job": number})[0]["count"]:
        sql.update("jobs", number, {"plan": None})
        return NOTHING_FAILED
    key = thread_key(job)
    kept = ("workspace", "channel", "thread", "question", "source", "person", "homes", "plan", "origin", "persona")
    begun = {"number": _find_number(sql, key), "state": JobState.OFFERED.value, "cost": 0, "at": stamp(sql.now())}
    new = sql.insert_numbered("jobs", {**{name: job[name] for name in kept}, **begun, "total": 0})
    moved = sql.count_changes(MOVE_FAILED, {"job": number, "new": new})
    sql.update("jobs", number, {"plan": None})
    sql.update("jobs", new, {"total": moved})
    _run(sql, {**job, "id": new}, by)
    return STARTED


def cancel_job(sql: Sql, number: int) -> str:
    """Ask no more of a job. What came of that, in a sentence."""
    job = _lock_job(sql, number)
    if job is None or job["state"] in {JobState.ENDED.value, JobState.CLOSED.value}:
        return OVER
    if job["run"] is None:
        drop_job(sql, job)
        return NEVER_ASKED
    sql.update("jobs", number, {"canceled": True})
    sql.execute(FAIL_WAITING, {"job": number, "problem": CANCELED_ROW})
    sql.execute(HASTEN, {"job": number, "now": stamp(sql.lease_time())})
    announce_job(sql)
    end_if_done(sql, number)
    touch_job(sql, number)
    return CANCELED


def note_portion(sql: Sql, number: int, last: int) -> None:
    """The results up to this row are posted now."""
    sql.update("jobs", number, {"portion": last})


def post_again(sql: Sql, number: int) -> str:
    """Have results posted that could not be. What came of that, in a sentence: empty where none wait for it."""
    job = _lock_job(sql, number)
    if job is None or job["state"] != JobState.ENDED.value or not sql.one(UNPOSTED_RUN, job):
        return ""
    touch_job(sql, number)
    return AGAIN


def stop_job(sql: Sql, reply: Row) -> bool:
    """Cancel the job that this reply shows, if it shows one."""
    job = find_job(sql, thread_key(reply), reply["name"]) if is_shown_job(sql, reply) else None
    return job is not None and cancel_job(sql, job["id"]) == CANCELED


def touch_job(sql: Sql, number: int) -> None:
    """Something happened to a job: it is shown anew."""
    job = sql.one(BY_ID, {"job": number})
    if job:
        sql.update("jobs", number, {"changes": job["changes"] + 1, "shown_at": stamp(sql.now())})
        sql.execute(WAKE, job)


def end_if_done(sql: Sql, number: int) -> None:
    """A job has ended when all that can be known of its rows is, and what they cost."""
    job = sql.one(BY_ID, {"job": number})
    goes_on = any(sql.one(one, {"job": number}) for one in (UNFINISHED, UNSETTLED))
    if job and job["state"] == JobState.STARTED.value and not goes_on:
        failed = sql.many(FAILED, {"job": number})[0]["count"]
        ended = {"state": JobState.ENDED.value, "failed": failed, "ended_at": stamp(sql.now()), "due_at": None}
        sql.update("jobs", number, ended)
        touch_job(sql, number)


def park_job(sql: Sql, claim: Claim, changes: int) -> None:
    """Let the question that shows a job wait, unless more than so many changes happened to it. Raises LeaseLost.

    Where nobody waits for it any more, nobody does for the job.
    """
    question = fence_claim(sql, claim)
    job = find_job(sql, claim.question.key, claim.question.name)
    waits = job is not None and job["changes"] <= changes and not question["withdrawn_at"]
    if job is not None and question["withdrawn_at"]:
        drop_job(sql, job)
    sql.execute(PARK, {"claim": claim.id, "parked": "waiting" if waits else "woken"})
    sql.update("claims", claim.id, {"process": None})


def _lock_job(sql: Sql, number: int) -> Row | None:
    job = sql.one(BY_ID, {"job": number})
    if job is None:
        return None
    lock_channel(sql, job["workspace"], job["channel"])
    return sql.one(BY_ID, {"job": number})


def _run(sql: Sql, job: Row, by: Question) -> None:
    """Let a job run, shown by a public question in the place where it was offered."""
    now, run = stamp(sql.now()), f"{by.name}:{secrets.token_hex(2)}" if by.command else by.name
    keep_question(sql, build_run(job, run, by.at, by.address))
    started = {"state": JobState.STARTED.value, "run": run, "begun_at": now, "due_at": stamp(sql.lease_time())}
    sql.update("jobs", job["id"], started)
    announce_job(sql)


def _find_number(sql: Sql, key: ThreadKey) -> int:
    newest = sql.one(NUMBER, thread_values(key))
    return ((newest and newest["number"]) or 0) + 1
