"""Jobs as rows of the database, and the nouns that they are read into."""

import json
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from core.domain.messages import ThreadKey, clean_text
from core.store.records.jobs import Batch, BatchState, Job, JobPlan, JobRow, JobState, RowState
from core.store.sql_port import Row, parse_stamp

PLAN = TypeAdapter(JobPlan)

BY_ID = "SELECT * FROM jobs WHERE id = :job"


def write_plan(plan: JobPlan) -> str:
    return clean_text(PLAN.dump_json(plan).decode())


def read_job(row: Row) -> Job:
    plan = PLAN.validate_json(row["plan"]) if row["plan"] else None
    return Job(
        id=row["id"],
        key=ThreadKey(row["workspace"], row["channel"], row["thread"]),
        number=row["number"],
        question=row["question"],
        run=row["run"],
        person=row["person"],
        homes=None if row["homes"] is None else tuple(json.loads(row["homes"])),
        state=JobState(row["state"]),
        plan=plan,
        persona=row["persona"],
        rows=row["total"],
        at=parse_stamp(row["at"]),
        origin=row["origin"] or (plan.source if plan else ""),
        problem=row["problem"] or "",
        canceled=bool(row["canceled"]),
        cost=row["cost"],
        failed=row["failed"],
        changes=row["changes"],
        posted=row["posted"],
        begun_at=parse_stamp(row["begun_at"]) if row["begun_at"] else None,
        ended_at=parse_stamp(row["ended_at"]) if row["ended_at"] else None,
    )


def read_row(row: Row) -> JobRow:
    cells, state = tuple(json.loads(row["cells"])), RowState(row["state"])
    return JobRow(row["number"], cells, state, row["result"], row["problem"], row["micro_usd"])


def read_batch(row: Row, job: Row | None, now: datetime) -> Batch:
    """A batch; of one whose job is gone nobody wants anything."""
    begun_at = parse_stamp(row["begun_at"]) if row["begun_at"] else None
    return Batch(
        id=row["id"],
        job=job["id"] if job else None,
        token=row["token"],
        api_key=row["api_key"],
        model=row["model"],
        name=row["name"],
        state=BatchState(row["state"]),
        requests=row["requests"],
        doomed=bool(row["doomed"]) or job is None,
        canceled=bool(job and job["canceled"]),
        begun_at=begun_at,
        age=now - begun_at if begun_at else timedelta(),
        tries=row["tries"],
        bound=row["bound"],
    )
