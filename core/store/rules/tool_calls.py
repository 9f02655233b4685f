"""Tool calls as rows: kept before they begin and when they end; those that act are begun at most once."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from core.billing.ledger_rows import Scope
from core.domain.tools import ASKS_EACH_TIME, ToolCall
from core.store.audit_log import AuditAction, AuditEntry, fingerprint
from core.store.places.advisory_locks import lock_channel
from core.store.places.audit import record_audit
from core.store.records.calls import CLOSED, PATIENCE, CallState, StoredCall
from core.store.records.claims import Claim
from core.store.records.grants import Grant
from core.store.rules.claims import fence_claim
from core.store.rules.erasures import DELETE_READ
from core.store.rules.questions import thread_key, thread_values
from core.store.sql_port import Row, Sql, parse_stamp, stamp

OF_QUESTION = """
SELECT * FROM tool_calls WHERE workspace = :workspace AND channel = :channel AND question = :name ORDER BY number
"""

GRANTED = """
SELECT 1 AS granted FROM tool_grants
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND person = :person AND tool = :tool
"""

GRANTS = """
SELECT * FROM tool_grants
WHERE workspace = :workspace AND channel = :channel AND {scope} AND person = :person ORDER BY at, id
"""

# What is allowed and has not begun waits again, until somebody says so anew.
ASK_AGAIN = """
UPDATE tool_calls SET state = 'waiting', person = NULL, at = :at
WHERE state = 'allowed' AND workspace = :workspace AND channel = :channel AND tool = :tool AND EXISTS (
    SELECT 1 FROM questions WHERE questions.workspace = tool_calls.workspace
    AND questions.channel = tool_calls.channel AND questions.name = tool_calls.question
    AND questions.thread = :thread AND questions.person = :person AND questions.outcome IS NULL
)
"""

COUNTED = """
SELECT tool_calls.tool, count(*) AS calls FROM tool_calls JOIN questions ON questions.workspace = tool_calls.workspace
    AND questions.channel = tool_calls.channel AND questions.name = tool_calls.question
WHERE {scope} AND tool_calls.tries > 0 AND tool_calls.at >= :since GROUP BY 1 ORDER BY 1
"""

DONE = (CallState.BEGUN.value, CallState.ENDED.value, CallState.UNCERTAIN.value)
UNDONE = (CallState.WAITING.value, CallState.ALLOWED.value)


def begin_calls(
    sql: Sql, claim: Claim, calls: Sequence[ToolCall], acting: Collection[str], before: Collection[str]
) -> list[StoredCall]:
    """Keep the calls of a step, each once, and begin those that only read. As they stand. Raises LeaseLost.

    With the first that is new, those of an earlier run that nobody began are dropped: whoever lets one of them act now
    has not seen this one. Where one of those `before` is kept no more, these may quote words that are gone, too: those
    that only read are carried out, and not kept.
    """
    question = fence_claim(sql, claim)
    rows = [_set_apart(sql, row, calls) for row in sql.many(OF_QUESTION, question)]
    known = {row["call"]: row for row in rows}
    ids = {*before, *(call.id for call in calls)}
    allowed = [row for row in rows if _is_allowed(row) and row["call"] not in ids]
    others = _list_others(sql, rows, ids) if any(call.id not in known for call in calls) else []
    number = max((row["number"] for row in rows), default=0)
    stored: list[StoredCall] = []
    for call in calls:
        if call.id in known:
            row = _take_up(sql, question, known[call.id], acts=call.tool in acting)
        else:
            number += 1
            row = _keep(sql, question, call, number, acts=call.tool in acting, others=others, allowed=allowed)
        stored.append(_read_call(row))
    if not known.keys() >= set(before):
        sql.execute(DELETE_READ, question)
    return stored


def _list_others(sql: Sql, rows: Sequence[Row], ids: Collection[str]) -> list[Row]:
    """What other runs of the question began that acts, and this one has not called again yet.

    `ids` are all calls of this run, which goes on from here: what others wait for nobody need decide any more.
    """
    others = [row for row in rows if row["acts"] and row["call"] not in ids and not _is_closed(row)]
    for row in others:
        if row["state"] in UNDONE:
            sql.update("tool_calls", row["id"], {"state": CallState.DROPPED.value})
    begun = [row for row in others if _has_begun(row)]
    for mine in rows:
        twin = next((row for row in begun if mine["call"] in ids and row["digest"] == mine["digest"]), None)
        if twin:
            begun.remove(twin)
    return begun


def _has_begun(row: Row) -> bool:
    """Whether a call that acts did so itself, or may have: one that has the fate of its like of another run has not."""
    return bool(row["acts"] and row["state"] in DONE and row["tries"])


def _is_allowed(row: Row) -> bool:
    """Whether a person said that it may act, and it has not begun."""
    return row["state"] == CallState.ALLOWED.value and not _is_closed(row)


def _is_closed(row: Row) -> bool:
    """Whether a call is one of an answer that was closed since: what is called anew is asked anew."""
    return bool(row["call"].startswith(CLOSED))


def act(sql: Sql, claim: Claim, call: str) -> CallState:
    """Begin an allowed call that acts. BEGUN where it is begun now, else why not. Raises LeaseLost.

    That is WAITING where what allowed it was taken back, DROPPED where nobody waits for its answer any more.
    """
    question = fence_claim(sql, claim)
    row = _find_call(sql, question, call)
    if row is None or question["withdrawn_at"]:
        return CallState.DROPPED
    if row["state"] != CallState.ALLOWED.value:
        return CallState.UNCERTAIN if row["state"] == CallState.BEGUN.value else CallState(row["state"])
    sql.update("tool_calls", row["id"], {"state": CallState.BEGUN.value, "tries": row["tries"] + 1})
    record_call(sql, question, row, AuditAction.TOOL_BEGAN, question["person"])
    return CallState.BEGUN


def end_calls(sql: Sql, claim: Claim, results: Mapping[str, str]) -> None:
    """Keep what came of calls, by their ids. Raises LeaseLost."""
    question = fence_claim(sql, claim)
    ended = [row for row in sql.many(OF_QUESTION, question) if row["call"] in results]
    for row in ended:
        sql.update("tool_calls", row["id"], {"state": CallState.ENDED.value, "result": results[row["call"]]})
    for row in ended:
        if row["acts"]:
            told = results[row["call"]]
            failed = {"failed": True} if _has_failed(told) else {}
            size = len(told.encode())
            record_call(sql, question, row, AuditAction.TOOL_RAN, question["person"], result=size, **failed)


def _has_failed(told: str) -> bool:
    """Whether a call was not carried out, as what Claude is told of it says."""
    result = json.loads(told)
    return isinstance(result, dict) and bool(result.get("failed"))


def record_call(sql: Sql, question: Row, call: Row, action: AuditAction, actor: str, **details: str | int) -> None:
    """Write down in the audit log what became of a call that acts; its arguments as their fingerprint."""
    told = {"arguments": fingerprint(call["arguments"]), "asker": question["person"], **details}
    place = question["workspace"], sql.now(), actor, action, question["channel"], question["thread"], call["tool"]
    record_audit(sql, AuditEntry(*place, told))


def keeps_calls(sql: Sql, question: Row, calls: Collection[str]) -> bool:
    """Whether all these calls of a question are kept. What one read is gone where something is that it may quote."""
    return {row["call"] for row in sql.many(OF_QUESTION, question)}.issuperset(calls)


def list_acts(sql: Sql, claim: Claim) -> list[StoredCall]:
    """The calls of a question's answer that acted, or may have, and those that are allowed to.

    Also those of an answer that it had before it was asked anew.
    """
    rows = sql.many(OF_QUESTION, fence_claim(sql, claim))
    return [_read_call(row) for row in rows if _has_begun(row) or row["state"] == CallState.ALLOWED.value]


def list_grants(sql: Sql, scope: Scope, tool: str | None) -> list[Grant]:
    """What a person lets tools do in a channel, or in a thread of it; of all tools, or of one."""
    return [_read_grant(row) for row in _list_grants(sql, scope, tool)]


def revoke_grants(sql: Sql, scope: Scope, tool: str | None, by: str) -> list[Grant]:
    """Take such grants back, and write it down. Those that there were."""
    lock_channel(sql, scope.workspace, scope.channel or "")
    rows = _list_grants(sql, scope, tool)
    for row in rows:
        sql.execute("DELETE FROM tool_grants WHERE id = :id", row)
        sql.execute(ASK_AGAIN, {**row, "at": stamp(sql.now())})
        place = row["workspace"], sql.now(), by, AuditAction.TOOL_REVOKED, row["channel"], row["thread"], row["tool"]
        record_audit(sql, AuditEntry(*place, {"asker": row["person"]}))
    return [_read_grant(row) for row in rows]


def count_calls(sql: Sql, scope: Scope, since: datetime) -> dict[str, int]:
    """How often each tool was called since then, in a scope, as far as that is known still."""
    given = {name: value for name, value in asdict(scope).items() if value is not None}
    condition = " AND ".join(f"questions.{name} = :{name}" for name in given)
    rows = sql.many(COUNTED.format(scope=condition), {**given, "since": stamp(since)})
    return {row["tool"]: row["calls"] for row in rows}


def _list_grants(sql: Sql, scope: Scope, tool: str | None) -> list[Row]:
    condition = "thread = :thread" if scope.thread else "TRUE"
    return [row for row in sql.many(GRANTS.format(scope=condition), asdict(scope)) if tool in {None, row["tool"]}]


def _read_grant(row: Row) -> Grant:
    return Grant(row["tool"], row["person"], row["thread"], parse_stamp(row["at"]))


def _find_call(sql: Sql, question: Row, call: str) -> Row | None:
    return next((row for row in sql.many(OF_QUESTION, question) if row["call"] == call), None)


def _set_apart(sql: Sql, row: Row, calls: Sequence[ToolCall]) -> Row:
    """A kept call, under a name of its own where another one has taken its id."""
    if all(call.id != row["call"] or call.digest == row["digest"] for call in calls):
        return row
    apart = {"call": f"{row['call']}#{row['number']}"}
    sql.update("tool_calls", row["id"], apart)
    return {**row, **apart}


def _take_up(sql: Sql, question: Row, row: Row, *, acts: bool) -> Row:
    """A call that was kept before: what reads begins anew, and what acts and had begun may have acted.

    It acts where its tool does today, or did when it was kept.
    """
    if acts and not row["acts"]:
        row = _change(sql, row, acts=True)
    if row["state"] == CallState.BEGUN.value and not row["acts"]:
        return _change(sql, row, tries=row["tries"] + 1)
    if row["state"] == CallState.BEGUN.value:
        record_call(sql, question, row, AuditAction.TOOL_UNCERTAIN, question["person"])
        return _change(sql, row, state=CallState.UNCERTAIN.value)
    if row["state"] == CallState.WAITING.value and parse_stamp(row["at"]) + PATIENCE <= sql.now():
        record_call(sql, question, row, AuditAction.TOOL_EXPIRED, question["person"])
        return _change(sql, row, state=CallState.EXPIRED.value)
    return row


def _change(sql: Sql, row: Row, **changes: str | int) -> Row:
    sql.update("tool_calls", row["id"], changes)
    return {**row, **changes}


def _is_granted(sql: Sql, question: Row, tool: str) -> bool:
    """Whether who asked lets the tool act in this thread; what somebody else let be answered anew asks once more."""
    if tool in ASKS_EACH_TIME:
        return False
    asks = question["reopened_by"] in {None, question["person"]}
    return asks and sql.one(GRANTED, {**question, "tool": tool}) is not None


def _keep(
    sql: Sql, question: Row, call: ToolCall, number: int, *, acts: bool, others: list[Row], allowed: list[Row]
) -> Row:
    """Keep a new call. One that acts has the fate of its like of another run, each of which counts once.

    So has one whose like was allowed and is dropped: a person has seen just this.
    """
    state, result, person = CallState.BEGUN, None, None
    if acts:
        twin = next((row for row in others if row["digest"] == call.digest), None)
        if twin:
            others.remove(twin)
            state = CallState.ENDED if twin["state"] == CallState.ENDED.value else CallState.UNCERTAIN
            result = twin["result"]
        elif like := next((row for row in allowed if row["digest"] == call.digest), None):
            allowed.remove(like)
            state, person = CallState.ALLOWED, like["person"]
        else:
            state = CallState.ALLOWED if _is_granted(sql, question, call.tool) else CallState.WAITING
    place = thread_values(thread_key(question))
    row = {
        "workspace": place["workspace"],
        "channel": place["channel"],
        "question": question["name"],
        "number": number,
        "call": call.id,
        "tool": call.tool,
        "arguments": json.dumps(call.arguments, ensure_ascii=True),
        "digest": call.digest,
        "acts": acts,
        "state": state.value,
        "tries": 0 if acts else 1,
        "result": result,
        "person": person,
        "at": stamp(sql.now()),
    }
    sql.insert("tool_calls", row)
    return row


def _read_call(row: Row) -> StoredCall:
    call = ToolCall(row["call"], row["tool"], json.loads(row["arguments"]))
    state, done = CallState(row["state"]), (row["tries"], row["result"], row["person"])
    return StoredCall(call, row["number"], bool(row["acts"]), state, *done)
