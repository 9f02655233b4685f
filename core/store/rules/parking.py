"""Questions that wait: parked ones for a person's word on a call, without a process, while their thread goes on.

How many wait for us, and which need not, for a later one is answered with what they say.
"""

from dataclasses import replace
from datetime import datetime

from core.domain.controls import Control, name_call, parse_call
from core.domain.events import Pressed, Receipt
from core.domain.messages import Outcome, Question, ThreadKey, Unanswered
from core.domain.tools import ASKS_EACH_TIME
from core.store.audit_log import AuditAction
from core.store.places.advisory_locks import lock_channel
from core.store.records.calls import PATIENCE, CallState, WaitingCall
from core.store.records.claims import Claim
from core.store.records.replies import Asked
from core.store.rules.claims import fence_claim
from core.store.rules.presses import ENDED, build_command, list_askers
from core.store.rules.questions import (
    WAKE,
    close_question,
    find_question,
    keep_closed,
    keep_question,
    thread_key,
    thread_values,
)
from core.store.rules.threads import is_tracked
from core.store.rules.tool_calls import record_call
from core.store.sql_port import Row, Sql, parse_stamp, stamp

CERTAIN = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND outcome IS NULL AND claim IS NULL
AND command IS NULL AND NOT private AND NOT alone AND asks = 'certainly' ORDER BY at, id LIMIT 1
"""

DOUBTFUL_BEFORE = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND outcome IS NULL AND claim IS NULL
AND command IS NULL AND NOT private AND reply IS NULL AND asks = 'perhaps' AND (at, id) < (:at, :id) ORDER BY at, id
"""

OPEN = "SELECT count(*) AS count, min(at) AS oldest FROM questions WHERE outcome IS NULL"
UNPARKED = f"{OPEN} AND parked IS DISTINCT FROM 'waiting'"

ALLOWED = "It goes on."
ALLOWED_ONCE = "It goes on, for this once: it asks for each note anew."
DENIED = "It does not do that."
DECIDED = "This was decided already."
EXPIRED = "This was asked more than an hour ago and has expired."
BEGUN_AGAIN = "The answer has begun again since then. It asks anew where it has to."
STATES = {
    Control.ALLOW: CallState.ALLOWED,
    Control.ALLOW_THREAD: CallState.ALLOWED,
    Control.DENY: CallState.DENIED,
}

# Of several calls of one step, people are asked about the first.
WAITING_IN = """
SELECT tool_calls.* FROM tool_calls JOIN questions ON questions.workspace = tool_calls.workspace
    AND questions.channel = tool_calls.channel AND questions.name = tool_calls.question
WHERE questions.workspace = :workspace AND questions.channel = :channel AND questions.thread = :thread
AND questions.outcome IS NULL AND questions.parked = 'waiting' AND tool_calls.state = 'waiting'
ORDER BY questions.id DESC, tool_calls.number LIMIT 1
"""

# Of each question the first, about which people are asked; what is answered together with it waits behind it.
WAITING_WITHIN = """
SELECT questions.workspace, questions.channel, questions.thread, questions.person, tool_calls.tool, tool_calls.at
FROM questions JOIN tool_calls ON questions.workspace = tool_calls.workspace
    AND questions.channel = tool_calls.channel AND questions.name = tool_calls.question
WHERE questions.workspace = :workspace AND questions.outcome IS NULL AND questions.parked = 'waiting'
AND questions.withdrawn_at IS NULL AND tool_calls.state = 'waiting' AND tool_calls.at > :since
AND NOT EXISTS (
    SELECT 1 FROM tool_calls AS before WHERE before.workspace = tool_calls.workspace
    AND before.channel = tool_calls.channel AND before.question = tool_calls.question
    AND before.state = 'waiting' AND before.number < tool_calls.number
)
ORDER BY questions.id
"""

CALL = """
SELECT * FROM tool_calls
WHERE workspace = :workspace AND channel = :channel AND question = :name AND number = :number
"""

ALLOW_OTHERS = """
UPDATE tool_calls SET state = 'allowed', person = :by
WHERE workspace = :workspace AND channel = :channel AND question = :name AND tool = :tool AND state = 'waiting'
"""

# Those of the same step that are asked about later have not waited yet.
WAIT_ANEW = """
UPDATE tool_calls SET at = :at
WHERE workspace = :workspace AND channel = :channel AND question = :name AND state = 'waiting'
"""

PARKED = """
SELECT count(*) AS count FROM questions
WHERE outcome IS NULL AND parked = 'waiting' AND reply = name AND command IS NULL
"""

PARK = "UPDATE questions SET parked = :parked WHERE claim = :claim"


def park_claim(sql: Sql, claim: Claim, told: str, number: int, so_far: str) -> None:
    """Let the question wait for a person without a process; if the person was quicker, for a process. Raises LeaseLost.

    The person's hour begins now: the call of this number may have waited for others of its step before. Prompts of
    other questions are told from now on that it waits, for ever at the same place.
    """
    question, now = fence_claim(sql, claim), sql.now()
    call = sql.one(CALL, {**question, "number": number})
    waiting = call if call and call["state"] == CallState.WAITING.value and not question["withdrawn_at"] else None
    parked, until = ("waiting", stamp(now + PATIENCE)) if waiting else ("woken", None)
    if waiting:
        sql.execute(WAIT_ANEW, {**question, "at": stamp(now)})
    sql.execute(PARK, {"claim": claim.id, "parked": parked})
    changes = {"parked_until": until, "told": told, "so_far": so_far, "unanswered": Unanswered.PARKED.value}
    sql.update("questions", question["id"], changes)
    sql.update("claims", claim.id, {"process": None})


def ingest_decision(sql: Sql, event: Pressed) -> Receipt:
    """Let who asked decide on a call; of others the platform's word is needed, so a command of theirs is left."""
    question, call = find_call(sql, event.key, event.question or "")
    if question is None or call is None:
        return Receipt(new=False, ours=is_tracked(sql, event.key), question=False, key=event.key, note=ENDED)
    key = thread_key(question)
    if find_question(sql, key, event.id) is not None:
        return Receipt(new=False, ours=True, question=False, key=key)
    command = _build_decision(sql, event, question)
    if event.person not in list_askers(sql, question):
        left = keep_question(sql, command)
        return Receipt(new=left, ours=True, question=left, key=key)
    note = decide_call(sql, key, event.question or "", event.control, event.person)
    if note not in {ALLOWED, ALLOWED_ONCE, DENIED}:
        return Receipt(new=False, ours=True, question=False, key=key, note=note)
    keep_closed(sql, command)
    return Receipt(new=True, ours=True, question=True, key=key)


def _build_decision(sql: Sql, event: Pressed, question: Row) -> Question:
    """The command that decides what a press does."""
    command = build_command(sql, event, question, event.question or "")
    if event.control is not Control.ALLOW_THREAD:
        return command
    return replace(command, command=Control.ALLOW.value, values={**command.values, "for": "thread"})


def carry_out_decision(sql: Sql, command: Question, subject: str, control: Control) -> str:
    """Decide on a call as a command says; once, for that is the command's answer from here on."""
    note = decide_call(sql, command.key, subject, control, command.person)
    if given := find_question(sql, command.key, command.name):
        sql.update("questions", given["id"], {"said": note, "notice": True})
    return note


def decide_call(sql: Sql, key: ThreadKey, subject: str, control: Control, person: str) -> str:
    """Say whether a call that waits may act, once, and wake its question. What came of that, in a sentence."""
    lock_channel(sql, key.workspace, key.channel)
    question, call = find_call(sql, key, subject)
    if question is None or call is None or question["withdrawn_at"]:
        return ENDED
    if call["state"] == CallState.DROPPED.value:
        return BEGUN_AGAIN
    if call["state"] != CallState.WAITING.value:
        return EXPIRED if call["state"] == CallState.EXPIRED.value else DECIDED
    if parse_stamp(call["at"]) + PATIENCE <= sql.now():
        return EXPIRED
    once = control is Control.ALLOW_THREAD and call["tool"] in ASKS_EACH_TIME
    control = Control.ALLOW if once else control
    sql.update("tool_calls", call["id"], {"state": STATES[control].value, "person": person})
    if control is Control.ALLOW_THREAD:
        grant = {**thread_values(thread_key(question)), "person": question["person"], "tool": call["tool"]}
        sql.insert_new("tool_grants", {**grant, "at": stamp(sql.now())})
        sql.execute(ALLOW_OTHERS, {**question, "tool": call["tool"], "by": person})
    sql.execute(WAKE, question)
    if control is Control.DENY:
        record_call(sql, question, call, AuditAction.TOOL_DENIED, person)
        return DENIED
    scope = "thread" if control is Control.ALLOW_THREAD else "once"
    record_call(sql, question, call, AuditAction.TOOL_ALLOWED, person, scope=scope)
    return ALLOWED_ONCE if once else ALLOWED


def find_call(sql: Sql, key: ThreadKey, subject: str) -> tuple[Row | None, Row | None]:
    """The open question and the call that a control is about."""
    named = parse_call(subject)
    question = find_question(sql, key, named[0]) if named else None
    if named is None or question is None or question["outcome"] is not None:
        return None, None
    return question, sql.one(CALL, {**question, "number": named[1]})


def find_waiting(sql: Sql, key: ThreadKey, subject: str | None) -> Asked | None:
    """What a call that waits is about, and who asked; without a subject, the newest of the thread."""
    if subject is None:
        found = sql.one(WAITING_IN, thread_values(key))
        question = find_question(sql, key, found["question"]) if found else None
        subject = name_call(found["question"], found["number"]) if found else ""
    else:
        question, _ = find_call(sql, key, subject)
    return Asked(subject, list_askers(sql, question)) if question else None


def list_waiting(sql: Sql, workspace: str) -> list[WaitingCall]:
    """The calls of a workspace about which somebody is asked now, the oldest first."""
    rows = sql.many(WAITING_WITHIN, {"workspace": workspace, "since": stamp(sql.now() - PATIENCE)})
    return [WaitingCall(thread_key(row), row["tool"], row["person"], parse_stamp(row["at"]) + PATIENCE) for row in rows]


def count_parked(sql: Sql) -> int:
    """How many questions wait for a person's word on a call."""
    row = sql.one(PARKED, {})
    return row["count"] if row else 0


def count_open(sql: Sql, *, parks: bool = True) -> tuple[int, datetime | None]:
    """How many questions are open and wait for us, and when the oldest was asked. An older database `parks` none."""
    row = sql.one(UNPARKED if parks else OPEN, {}) or {"count": 0, "oldest": None}
    return row["count"], parse_stamp(row["oldest"]) if row["oldest"] else None


def pass_over(sql: Sql, claim: Claim) -> bool:
    """Close all that perhaps asks and waits in a claim's thread before what certainly does: that is answered with it.

    False where nothing that certainly asks waits there. Raises LeaseLost.
    """
    fence_claim(sql, claim)
    certain = sql.one(CERTAIN, thread_values(claim.question.key))
    for row in sql.many(DOUBTFUL_BEFORE, certain) if certain else ():
        close_question(sql, row, Outcome.NOT_FOR_US)
    return certain is not None
