"""Batches: planned with their money set aside, sent once, collected, settled exactly, and deleted at Anthropic."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from core.billing.budgets import BudgetStatus
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Reservation, Scopes, Settlement
from core.domain.messages import clean_text
from core.domain.usage import Usage
from core.store.places.advisory_locks import lock_batches, lock_channel
from core.store.records.jobs import (
    Batch,
    BatchState,
    BatchTerms,
    Job,
    JobPlan,
    JobRow,
    JobState,
    RowResult,
    RowState,
    WaitingBatches,
)
from core.store.rules.jobs.jobs import CANCELED_ROW, FAIL_WAITING, end_if_done, touch_job
from core.store.rules.jobs.records import BY_ID, read_batch, read_job, read_row
from core.store.rules.ledger import reserve_request, settle_request
from core.store.sql_port import Row, Sql, parse_stamp, stamp

UNSENT = "unsent"  # how a request ended that was never made
NO_BUDGET = "no budget was left for it"
PERSONAL_BUDGET = "A budget has too little left for all of it. Who gave the batch sees with `budget show` which one."

DUE_JOB = "SELECT * FROM jobs WHERE state = 'started' AND due_at <= :now ORDER BY due_at, id LIMIT 1"

# The first rows, as many as one batch takes by their number; what is behind them costs nothing. All of one model, for a
# batch is one row of the ledger.
FIRST = """
SELECT number, size, input_bound, bound, model FROM job_rows
WHERE job = :job AND state = 'waiting' AND model IS NOT DISTINCT FROM (
    SELECT model FROM job_rows WHERE job = :job AND state = 'waiting' ORDER BY number LIMIT 1
) ORDER BY number LIMIT :requests
"""

# Of these as many as fit into it by their bytes; the first always does.
FITTING = """
SELECT * FROM (
    SELECT number, input_bound, bound, model, sum(size) OVER (ORDER BY number) - size AS before,
        sum(size) OVER (ORDER BY number) AS size
    FROM ({first}) AS first_ones
) AS summed WHERE before = 0 OR size <= :bytes
"""

MEASURE = """
SELECT count(*) AS count, max(number) AS last, CAST(sum(input_bound) AS BIGINT) AS input_bound,
    max(input_bound) AS longest, CAST(sum(bound) AS BIGINT) AS bound, count(*) FILTER (WHERE bound IS NULL) AS unpriced,
    CAST(sum(size) AS BIGINT) AS size, min(model) AS model
FROM ({rows}) AS chosen
"""

TAKE = """
UPDATE job_rows SET state = 'sent', batch = :batch
WHERE job = :job AND state = 'waiting' AND number <= :last AND model IS NOT DISTINCT FROM :model
"""

DUE = "SELECT * FROM batches WHERE due_at <= :now ORDER BY due_at, id LIMIT :most"

# The number of one that is removed may be given to another.
BATCH = "SELECT * FROM batches WHERE id = :id AND token = :token"

POSTPONE = """
UPDATE batches SET due_at = :due, tries = :tries, problem = :problem WHERE id = :id AND token = :token
"""

EXTEND = "UPDATE batches SET due_at = :due WHERE id = :id AND token = :token"

REQUESTS = """
SELECT * FROM job_rows WHERE batch = :id AND state = 'sent' AND number > :after ORDER BY number LIMIT :most
"""

SENT = "SELECT number FROM job_rows WHERE batch = :id AND job = :job"

BEGIN = """
UPDATE batches SET state = 'sending', begun_at = :now WHERE id = :id AND state = 'planned'
"""

KEEP = """
UPDATE job_rows SET state = :state, result = :result, problem = :problem, micro_usd = :micro_usd
WHERE batch = :id AND number = :number AND state = 'sent'
"""

FAIL_REST = "UPDATE job_rows SET state = 'failed', problem = :problem WHERE batch = :id AND state = 'sent'"

ADD_COST = "UPDATE jobs SET cost = cost + :cost WHERE id = :job"

KNOWN = "SELECT name FROM batches WHERE {which}"

REMOVE = "DELETE FROM batches WHERE id = :id AND token = :token"

DELETABLE = """
SELECT tries, problem, count(*) OVER () AS count FROM batches WHERE state = 'collected' AND due_at IS NOT NULL
ORDER BY tries DESC, id LIMIT 1
"""

UNPOSTED = "SELECT count(*) AS count, min(ended_at) AS since FROM jobs WHERE state = 'ended'"

COUNT = "SELECT count(*) AS count FROM batches WHERE due_at IS NOT NULL"


def is_due(sql: Sql) -> bool:
    """Whether there is a job to plan, or something to do about a batch."""
    now = stamp(sql.lease_time())
    jobs, batches = sql.many_each((DUE_JOB, {"now": now}), (DUE, {"now": now, "most": 1}))
    return bool(jobs or batches)


def claim_job(sql: Sql, lease: timedelta) -> Job | None:
    """A started job of which rows may wait to be planned; for so long it is no other process's."""
    now = sql.lease_time()
    if not sql.one(DUE_JOB, {"now": stamp(now)}):  # looked at without a lock, for most looks find nothing
        return None
    lock_batches(sql)
    row = sql.one(DUE_JOB, {"now": stamp(now)})
    if row is None:
        return None
    sql.update("jobs", row["id"], {"due_at": stamp(now + lease)})
    return read_job(row)


def plan_batch(sql: Sql, job: Job, planned: PlannedRequest, scopes: Scopes, terms: BatchTerms) -> bool:
    """Set money aside for as many rows as one batch takes. Whether more may wait."""
    lock_channel(sql, job.key.workspace, job.key.channel)
    row = sql.one(BY_ID, {"job": job.id})
    if row is None or row["run"] != job.run or row["state"] != JobState.STARTED.value or row["canceled"]:
        return False
    chosen = _choose_rows(sql, job, terms)
    if not chosen["count"]:
        sql.update("jobs", job.id, {"due_at": None})
        end_if_done(sql, job.id)
        return False
    token = f"{secrets.token_hex(8)}"
    output = planned.output_bound * chosen["count"]
    model = chosen["model"] or planned.model
    worst = _price_rows(chosen, model, output, terms)
    bounds = {"input_bound": chosen["input_bound"], "output_bound": output, "micro_usd": worst}
    asked = replace(planned, question=token, model=model, **bounds)
    reserved = reserve_request(sql, asked, scopes)
    if isinstance(reserved, BudgetRefusal):
        public = PERSONAL_BUDGET if reserved.personal and job.homes is None else reserved.reason
        _refuse_rest(sql, job.id, public)
        return False
    batch = {
        "job": job.id,
        "workspace": job.key.workspace,
        "channel": job.key.channel,
        "token": token,
        "api_key": terms.api_key,
        "model": asked.model,
        "state": BatchState.PLANNED.value,
        "requests": chosen["count"],
        "reservation": reserved.id,
        "bound": worst,
        "at": stamp(sql.now()),
        "due_at": stamp(sql.lease_time()),
    }
    number = sql.insert_numbered("batches", batch)
    sql.execute(TAKE, {"batch": number, "job": job.id, "last": chosen["last"], "model": chosen["model"]})
    return True


def _choose_rows(sql: Sql, job: Job, terms: BatchTerms) -> Row:
    """How many of the rows that wait one batch takes, and what they take. Mostly all of the first ones fit."""
    values = {"job": job.id, "requests": terms.requests, "bytes": terms.bytes}
    chosen = sql.many(MEASURE.format(rows=FIRST), values)[0]
    fits = not chosen["count"] or chosen["size"] <= terms.bytes
    return chosen if fits else sql.many(MEASURE.format(rows=FITTING.format(first=FIRST)), values)[0]


def _price_rows(chosen: Row, model: str, output: int, terms: BatchTerms) -> int | None:
    """The most that these rows can cost: as they were measured, or more where prices have risen since."""
    measured = None if chosen["unpriced"] else int(chosen["bound"])
    if terms.price is None:
        return measured
    now = terms.price(model, chosen["longest"], chosen["input_bound"], output)
    if now is None or (measured is not None and now <= measured):
        return now and measured
    return now + int(chosen["count"])  # each row is rounded


def _refuse_rest(sql: Sql, job: int, problem: str) -> None:
    """A budget forbids what is left of a job: it ends with what is asked by now, and says so."""
    sql.update("jobs", job, {"problem": problem, "due_at": None})
    sql.execute(FAIL_WAITING, {"job": job, "problem": NO_BUDGET})
    end_if_done(sql, job)


def claim_batches(sql: Sql, most: int, lease: timedelta) -> list[Batch]:
    """Batches about which something is to be done now; for so long they are no other process's."""
    now = sql.lease_time()
    if not sql.one(DUE, {"now": stamp(now), "most": 1}):
        return []
    lock_batches(sql)
    due = sql.many(DUE, {"now": stamp(now), "most": most})
    for row in due:
        sql.update("batches", row["id"], {"due_at": stamp(now + lease)})
    return [read_batch(row, _find_job(sql, row), sql.now()) for row in due]


def extend_lease(sql: Sql, batch: Batch, lease: timedelta) -> None:
    sql.execute(EXTEND, {"id": batch.id, "token": batch.token, "due": stamp(sql.lease_time() + lease)})


def begin_sending(sql: Sql, batch: Batch) -> bool:
    """From here on it may be at Anthropic. What nobody wants any more is settled at nothing and not sent."""
    row = _lock_batch(sql, batch)
    if row is None:
        return False
    job = _find_job(sql, row)
    if job is None or row["doomed"] or job["canceled"]:
        _end(sql, row, Settlement(Usage(), UNSENT, sql.now(), micro_usd=0), CANCELED_ROW)
        sql.execute(REMOVE, row)
        return False
    return sql.count_changes(BEGIN, {"id": batch.id, "now": stamp(sql.now())}) > 0


def read_plan(sql: Sql, batch: Batch) -> JobPlan | None:
    """What its requests ask; None where nobody wants to know any more."""
    job = sql.one(BY_ID, {"job": batch.job}) if batch.job is not None else None
    return read_job(job).plan if job else None


def list_requests(sql: Sql, batch: Batch, after: int, most: int) -> list[JobRow]:
    return [read_row(row) for row in sql.many(REQUESTS, {"id": batch.id, "after": after, "most": most})]


def list_sent(sql: Sql, batch: Batch) -> set[int] | None:
    """The numbers of its rows, whatever came of them; None where nobody keeps them any more."""
    return {row["number"] for row in sql.many(SENT, {"id": batch.id, "job": batch.job})} or None


def note_name(sql: Sql, batch: Batch, name: str, requests: int, due: timedelta) -> bool:
    """It is at Anthropic under this name, with so many requests. Whether it is not there under another one already."""
    row = _lock_batch(sql, batch)
    waits = row is not None and row["state"] in {BatchState.SENDING.value, BatchState.PLANNED.value}
    if row and waits:
        running = {"state": BatchState.RUNNING.value, "name": name, "requests": requests, "tries": 0}
        sql.update("batches", batch.id, {**running, "due_at": stamp(sql.lease_time() + due)})
        if row["job"] is not None:
            touch_job(sql, row["job"])
    return waits or (row is not None and row["name"] == name)


def list_known(sql: Sql, names: Sequence[str]) -> frozenset[str]:
    """Those of these names that are known."""
    rows = sql.many(KNOWN.format(which=sql.among("name", "names")), {"names": sorted(names)})
    return frozenset(row["name"] for row in rows)


def postpone_batch(sql: Sql, batch: Batch, pause: timedelta, problem: str) -> None:
    tried = {"tries": batch.tries + 1 if problem else 0, "problem": problem}
    sql.execute(POSTPONE, {"id": batch.id, "token": batch.token, "due": stamp(sql.lease_time() + pause), **tried})


def plan_again(sql: Sql, batch: Batch, pause: timedelta, problem: str) -> None:
    """It is certainly not at Anthropic, and is sent later."""
    row = _lock_batch(sql, batch)
    if row and row["state"] == BatchState.SENDING.value:
        sql.update("batches", batch.id, {"state": BatchState.PLANNED.value, "begun_at": None})
        postpone_batch(sql, batch, pause, problem)


def tell_progress(sql: Sql, batch: Batch, pace: timedelta) -> str | None:
    """Have its job shown anew, if that was shown last so long ago. Its workspace, if so."""
    row = _lock_batch(sql, batch)
    job = _find_job(sql, row) if row else None
    if job is None or job["state"] != JobState.STARTED.value:
        return None
    if job["shown_at"] and parse_stamp(job["shown_at"]) + pace > sql.now():
        return None
    touch_job(sql, job["id"])
    return str(job["workspace"])


def keep_results(sql: Sql, batch: Batch, results: Sequence[RowResult]) -> None:
    """Keep what came of some rows, unless their job is gone. The same once more changes nothing."""
    row = _lock_batch(sql, batch)
    if row is None or row["doomed"]:
        return
    for one in results:
        state = RowState.FAILED if one.problem else RowState.DONE
        kept = {"state": state.value, "result": clean_text(one.text), "problem": one.problem or None}
        sql.execute(KEEP, {"id": batch.id, "number": one.number, "micro_usd": one.micro_usd, **kept})


def end_batch(sql: Sql, batch: Batch, settled: Settlement, problem: str) -> list[BudgetStatus]:
    """Its results are kept, and it is settled, once. Rows without a result have this problem.

    Budgets of which people must be told now.
    """
    row = _lock_batch(sql, batch)
    if row is None or row["state"] == BatchState.COLLECTED.value:
        return []
    nearly = _end(sql, row, settled, problem)
    wanted = _find_job(sql, row) is not None and not row["doomed"]
    due = None if wanted else stamp(sql.lease_time())
    sql.update("batches", batch.id, {"state": BatchState.COLLECTED.value, "due_at": due, "tries": 0, "problem": None})
    return nearly


def _end(sql: Sql, row: Row, settled: Settlement, problem: str) -> list[BudgetStatus]:
    """Settle a batch, and end its rows. What was reserved for rows whose cost nobody knows stays as an estimate."""
    sql.execute(FAIL_REST, {"id": row["id"], "problem": problem})
    sql.update("batches", row["id"], {"state": BatchState.COLLECTED.value})
    job = _find_job(sql, row)
    nearly = settle_request(sql, Reservation(row["reservation"], row["workspace"]), settled)
    cost = row["bound"] if settled.usage is None else settled.micro_usd
    if job:
        sql.execute(ADD_COST, {"job": job["id"], "cost": cost})
        end_if_done(sql, job["id"])
        if job["state"] == JobState.STARTED.value:
            touch_job(sql, job["id"])
    return nearly


def remove_batch(sql: Sql, batch: Batch) -> None:
    """Nothing of it is left at Anthropic."""
    sql.execute(REMOVE, {"id": batch.id, "token": batch.token})


def count_due(sql: Sql) -> int:
    return int(sql.many(COUNT, {})[0]["count"])


def count_waiting(sql: Sql) -> WaitingBatches:
    """What waits to be deleted at Claude's API, and to be posted."""
    worst = sql.one(DELETABLE, {}) or {"count": 0, "tries": 0, "problem": None}
    (unposted,) = sql.many(UNPOSTED, {})
    since = parse_stamp(unposted["since"]) if unposted["since"] else None
    return WaitingBatches(worst["count"], worst["tries"], worst["problem"] or "", unposted["count"], since)


def _find_job(sql: Sql, batch: Row) -> Row | None:
    return None if batch["job"] is None else sql.one(BY_ID, {"job": batch["job"]})


def _lock_batch(sql: Sql, batch: Batch) -> Row | None:
    """The batch's row, with its channel locked."""
    named = {"id": batch.id, "token": batch.token}
    row = sql.one(BATCH, named)
    if row is None:
        return None
    lock_channel(sql, row["workspace"], row["channel"])
    return sql.one(BATCH, named)
