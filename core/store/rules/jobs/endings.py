"""How jobs end: their rows go when results are posted, or with the message that brought them, and batches after."""

from datetime import timedelta

from core.domain.messages import Outcome
from core.store.records.jobs import FOLLOW, LISTED_FOR, OFFERED_FOR, RETRYABLE_FOR, UNPOSTED_FOR, JobState
from core.store.rules.erasures import record_erasure
from core.store.sql_port import Row, Sql, stamp

RUNNING_JOB = """
SELECT 1 FROM jobs WHERE workspace = :workspace AND channel = :channel AND run = :name AND state = 'started' LIMIT 1
"""

OF_QUESTION = """
SELECT * FROM jobs
WHERE workspace = :workspace AND channel = :channel AND state <> 'closed' AND (question = :name OR run = :name)
"""

# What was erased can't be asked again, nor what never could be.
RETRYABLE_ROWS = """
SELECT count(*) AS count FROM job_rows WHERE job = :job AND state = 'failed' AND size > 0 AND cells <> '[]'
"""

DELETE_ROWS = "DELETE FROM job_rows WHERE job = :id"

DELETE_DONE = "DELETE FROM job_rows WHERE job = :id AND state <> 'failed'"

DELETE_JOB = "DELETE FROM jobs WHERE id = :id"

# What Anthropic has of it is settled and deleted there, whatever becomes of the job.
DOOM = "UPDATE batches SET doomed = TRUE, due_at = :now WHERE job = :id"

# The number of a job that is dropped may be given to another.
ORPHAN = "UPDATE batches SET doomed = TRUE, due_at = :now, job = NULL WHERE job = :id"

CLOSE = "UPDATE jobs SET state = 'closed', plan = CASE WHEN :kept THEN plan END, due_at = NULL WHERE id = :id"

UNSTARTED = "SELECT * FROM jobs WHERE state IN ('read', 'offered') AND at <= :until"

RETRYABLE = "SELECT * FROM jobs WHERE state = 'closed' AND plan IS NOT NULL AND ended_at <= :until"

UNPOSTED = "SELECT * FROM jobs WHERE state = 'ended' AND ended_at <= :until"

# Its answer says that the job is gone.
WAKE = """
UPDATE questions SET parked = 'woken'
WHERE workspace = :workspace AND channel = :channel AND name = :run AND parked = 'waiting'
"""

LISTED = "SELECT * FROM jobs WHERE state = 'closed' AND at <= :until"

FORGET_PLAN = "UPDATE jobs SET plan = NULL WHERE id = :id"


def is_shown_job(sql: Sql, row: Row) -> bool:
    """Whether its answer shows a job, or waits for one, which ends by itself once it is cancelled."""
    follows = row["command"] == FOLLOW and not row["private"]
    return follows or sql.one(RUNNING_JOB, row) is not None


def release_job(sql: Sql, question: Row, outcome: Outcome) -> None:
    """A command is answered: the job that nobody can start ends, and so does the one whose results are posted."""
    shown = outcome in {Outcome.SHOWN, Outcome.CARRIED_OUT}
    for job in sql.many(OF_QUESTION, question):
        if job["run"] == question["name"]:
            table = job["question"] != job["run"]  # else it is of a task, whose requests nobody asks again
            again = table and shown and job["state"] == JobState.ENDED.value
            close_job(sql, job, kept=again and sql.many(RETRYABLE_ROWS, {"job": job["id"]})[0]["count"] > 0)
        elif job["run"] is None and not shown:
            drop_job(sql, job)


def close_job(sql: Sql, job: Row, *, kept: bool) -> None:
    """Its results are posted, or nobody wants them. Rows that failed are `kept` a while for another try."""
    sql.execute(DELETE_DONE if kept else DELETE_ROWS, job)
    sql.execute(DOOM, {"id": job["id"], "now": stamp(sql.lease_time())})
    sql.execute(CLOSE, {"id": job["id"], "kept": kept})
    record_erasure(sql, job["workspace"], job["channel"], sql.now())


def drop_job(sql: Sql, job: Row) -> None:
    """Nothing of it is kept but what has to be settled."""
    sql.execute(ORPHAN, {"id": job["id"], "now": stamp(sql.lease_time())})
    sql.execute(DELETE_ROWS, job)
    sql.execute(DELETE_JOB, job)
    record_erasure(sql, job["workspace"], job["channel"], sql.now())


def drop_old_jobs(sql: Sql) -> None:
    """Offers that nobody took up go, results that could not be posted, rows that nobody had asked again, old jobs."""
    for job in _list_older(sql, UNSTARTED, OFFERED_FOR):
        drop_job(sql, job)
    for job in _list_older(sql, UNPOSTED, UNPOSTED_FOR):
        drop_job(sql, job)
        sql.execute(WAKE, job)
    for job in _list_older(sql, RETRYABLE, RETRYABLE_FOR):
        sql.execute(DELETE_ROWS, job)
        sql.execute(FORGET_PLAN, job)
        record_erasure(sql, job["workspace"], job["channel"], sql.now())
    for job in _list_older(sql, LISTED, LISTED_FOR):
        drop_job(sql, job)


def _list_older(sql: Sql, statement: str, age: timedelta) -> list[Row]:
    return sql.many(statement, {"until": stamp(sql.now() - age)})
