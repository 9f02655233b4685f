"""Portions: results are posted as many rows at a time as a message takes, and kept until all of them hang there."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from core.domain.messages import MENTION, Outcome, Question
from core.store.records.jobs import FOLLOW, JobState
from core.store.rules.questions import keep_question, thread_key
from core.store.sql_port import Row, Sql, stamp

SHOWN = """
SELECT * FROM jobs
WHERE workspace = :workspace AND channel = :channel AND run = :name AND state IN ('started', 'ended')
"""

BEHIND = "SELECT 1 AS one FROM job_rows WHERE job = :id AND number > :portion LIMIT 1"

# What was said of it can't be all that is to be shown.
WAITS = {"parked": "waiting", "said": None, "notice": False, "after": None, "offers": None}

QUIET = timedelta(days=2)  # longer than a batch takes: nothing but its end is tried to be shown

POSTED = frozenset({Outcome.SHOWN, Outcome.CARRIED_OUT})


def build_run(job: Row, name: str, at: datetime, address: str) -> Question:
    """The public question whose answer shows a job, in the place where that was offered."""
    return Question(key=thread_key(job), name=name, person=job["person"], at=at, address=address, command=FOLLOW)


def keep_unposted(sql: Sql, question: Row, outcome: Outcome) -> bool:
    """The answer that shows a job ends so. Whether its question stays, for the results of the job do not hang there.

    It waits until they can be, or somebody has them posted again. Where rows are left for another message, a question
    is left for that: the first such one mentions who gave the job, unless that is in direct messages.
    """
    job = sql.one(SHOWN, question) if question["command"] == FOLLOW else None
    if job is None or question["withdrawn_at"]:
        return False
    if outcome not in POSTED:
        sql.update("jobs", job["id"], {"shown_at": stamp(sql.now() + QUIET)})
        sql.update("questions", question["id"], WAITS)
        return True
    if job["state"] == JobState.ENDED.value and job["portion"] is not None and sql.one(BEHIND, job):
        run = f"{question['name'].partition('+')[0]}+{secrets.token_hex(2)}"
        sql.update("jobs", job["id"], {"posted": job["portion"], "run": run})
        begins = job["portion"] == 0 and job["homes"] is None
        mention = {MENTION: job["person"] if begins else ""}
        keep_question(sql, replace(build_run(job, run, sql.now(), question["address"]), values=mention))
    return False
