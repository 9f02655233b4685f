"""Presses of Start and Retry failed: who gave the job does it at once; others leave a command that asks their rank."""

from dataclasses import replace

from core.domain.controls import Control
from core.domain.events import Pressed, Receipt
from core.store.rules.jobs.jobs import GONE, STARTED, find_job, retry_job, start_job
from core.store.rules.presses import build_command, find_reply
from core.store.rules.questions import find_question, keep_question, thread_key
from core.store.rules.threads import is_tracked
from core.store.sql_port import Sql

COMMANDS = {Control.START: "batch start", Control.RETRY_FAILED: "batch retry"}


def ingest_job_press(sql: Sql, event: Pressed) -> Receipt:
    """Start a job, or the rows of one that failed, once for this press."""
    reply = find_reply(sql, event.key, event.control, event.question) if event.question else None
    job = find_job(sql, thread_key(reply), reply["name"]) if reply else None
    if reply is None or job is None:
        return Receipt(new=False, ours=is_tracked(sql, event.key), question=False, key=event.key, note=GONE)
    key = thread_key(reply)
    if find_question(sql, key, event.id) is not None:
        return Receipt(new=False, ours=True, question=False, key=key)
    command = build_command(sql, event, reply, reply["name"])
    if event.person != job["person"]:
        values = {"number": str(job["number"])}
        left = keep_question(sql, replace(command, command=COMMANDS[event.control], values=values))
        return Receipt(new=left, ours=True, question=left, key=key)
    carry_out = start_job if event.control is Control.START else retry_job
    note = carry_out(sql, replace(command, command=None), job["id"])
    began = note == STARTED
    return Receipt(new=began, ours=True, question=began, key=key, note="" if began else note)
