"""Presses: what the buttons below a reply do, in the unit of work that keeps the press; each does it once.

A press whose effect needs the platform's word on a rank is left as a private command of whoever pressed.
"""

import json
from dataclasses import replace
from datetime import datetime

from core.domain.controls import Control
from core.domain.events import Pressed, Receipt
from core.domain.messages import MESSAGE, THREAD, Outcome, Question, ThreadKey
from core.store.audit_log import AuditAction, AuditEntry
from core.store.places.advisory_locks import lock_channel
from core.store.places.audit import record_audit
from core.store.records.replies import Asked, DeletedReply, Ending, GivenCommand, ListFiles
from core.store.records.trials import NOTHING_TO_KEEP
from core.store.rules.feedback import keep_vote
from core.store.rules.jobs.endings import is_shown_job
from core.store.rules.jobs.jobs import stop_job
from core.store.rules.messages import find_message, tombstone
from core.store.rules.questions import (
    FINAL_TEXT,
    REOPENED,
    find_question,
    keep_closed,
    keep_question,
    may_be_posted,
    open_again,
    read_final_text,
    stop_answer,
    thread_key,
    thread_values,
)
from core.store.rules.reply_chains import has_later
from core.store.rules.threads import is_tracked, track_thread
from core.store.sql_port import Row, Sql, parse_stamp, stamp

ENDED = "This answer has ended already."
GONE = "I keep nothing of this answer any more."
GROWS = "This answer is still being written."
ENDS = "This answer is ending just now. Please press that again in a moment."
NO_ANSWER = "There is no answer here yet."
UNASKED = "What was asked there is gone, so it can't be answered anew."
NOT_NEWEST = {
    Control.RETRY: "Only the newest answer of a conversation can be tried again.",
    Control.CONTINUE: "Only the newest answer of a conversation can go on.",
}
NOT_CUT = "This answer was not cut off, so there is nothing to go on with."
VISIBLE = "Everybody here can see this answer already."
POSTED = "It is posted in the thread of that message."
POSTED_HERE = "It is posted here."
ONLY_ASKER = "Only who asked can post this answer."
ONLY_TRIER = "Only who tried this persona can keep it."
NOTED = "Noted: {}. Thank you."
STOPPED = "It is stopped."
AGAIN = "It is answered anew."

NEWEST = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND command IS NULL AND NOT private
AND outcome IS NOT NULL AND coalesce(said, '') <> '' AND reply = name ORDER BY at DESC, id DESC LIMIT 1
"""

GROWING = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND command IS NULL AND NOT private
AND outcome IS NULL AND withdrawn_at IS NULL AND (claim IS NULL OR reply = name)
ORDER BY claim IS NULL, at DESC, id DESC LIMIT 1
"""

OPEN_COMMANDS = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND command IS NOT NULL AND outcome IS NULL AND withdrawn_at IS NULL
ORDER BY at DESC, id DESC
"""

# Those that are answered together, as far as nobody took them back.
TOGETHER = """
SELECT questions.* FROM questions
WHERE workspace = :workspace AND channel = :channel AND reply = :name AND command IS NULL AND asks <> 'no'
AND NOT EXISTS (
    SELECT 1 FROM messages WHERE messages.workspace = questions.workspace AND messages.channel = questions.channel
    AND messages.message = questions.name AND messages.deleted_at IS NOT NULL
)
ORDER BY name <> :name, at, id
"""

PAGES = """
SELECT message, at FROM messages
WHERE workspace = :workspace AND channel = :channel AND answers = :name AND mine AND deleted_at IS NULL
ORDER BY at, message
"""


def ingest_press(sql: Sql, event: Pressed) -> Receipt:
    """Carry a press out, or leave a question that does; it does nothing where its like was heard before."""
    if event.question is None and event.control is Control.STOP and not _is_others(sql, event):
        stopped = stop_answer(sql, event.key, None) > 0
        return _describe(sql, event.key, new=stopped, note="" if stopped else ENDED)
    reply = find_reply(sql, event.key, event.control, event.question)
    if reply is None:
        none = NOTHING_TO_KEEP if event.control is Control.KEEP else NO_ANSWER
        return _describe(sql, event.key, note=none if event.question is None else GONE)
    key = thread_key(reply)
    if find_question(sql, key, event.id) is not None:
        return _describe(sql, key)
    return CARRY_OUT.get(event.control, _vote)(sql, event, reply)


def find_reply(sql: Sql, key: ThreadKey, control: Control, name: str | None) -> Row | None:
    """The question that a reply is named after; without a name, of the newest reply that the control is about."""
    if name is None:
        growing = control in {Control.STOP, Control.DELETE} and sql.one(GROWING, thread_values(key))
        return growing or (None if control is Control.STOP else sql.one(NEWEST, thread_values(key)))
    row = find_question(sql, key, name)
    if row and row["reply"] not in {None, name}:
        return find_question(sql, key, row["reply"])
    return row


def find_asked(sql: Sql, key: ThreadKey, control: Control, name: str | None) -> Asked | None:
    """The reply that a control is about, with who asked."""
    reply = find_reply(sql, key, control, name)
    return Asked(reply["name"], list_askers(sql, reply)) if reply else None


def list_askers(sql: Sql, reply: Row) -> frozenset[str]:
    """Who asked what the reply answers."""
    return frozenset({reply["person"], *(row["person"] for row in sql.many(TOGETHER, reply))})


def list_commands(sql: Sql, key: ThreadKey) -> list[GivenCommand]:
    """The commands of a channel that are not carried out yet, the newest first."""
    rows = sql.many(OPEN_COMMANDS, thread_values(key))
    return [GivenCommand(row["name"], row["command"], row["person"], row["thread"]) for row in rows]


def stop_reply(sql: Sql, key: ThreadKey, name: str) -> str:
    """End an answer with what was said. What came of that, in a sentence."""
    lock_channel(sql, key.workspace, key.channel)
    reply = find_question(sql, key, name)
    return STOPPED if reply and _stop(sql, reply) else ENDED


def retry_reply(sql: Sql, command: Question, name: str) -> str | None:
    """Let a question be answered anew, where the command says; once, for that is the command's answer from here on.

    What came of that, in a sentence; None as long as its answer is being shown to its end.
    """
    lock_channel(sql, command.key.workspace, command.key.channel)
    reply = find_question(sql, command.key, name)
    if reply and _is_ending(reply):
        return None
    why = refuse_retry(sql, reply) if reply else GONE
    if reply is None or why:
        return why
    _open_again(sql, reply, command.address, command.person)
    if given := find_question(sql, command.key, command.name):
        sql.update("questions", given["id"], {"said": AGAIN, "notice": True})
    return AGAIN


def delete_reply(sql: Sql, command: Question, name: str, list_files: ListFiles) -> DeletedReply | None:
    """Keep no word of a reply, as if each of its pages were deleted by hand. What the platform still shows of it.

    That is written down with the command, which is told the same however often it asks. One that is being written is
    stopped first: None until it has ended.
    """
    lock_channel(sql, command.key.workspace, command.key.channel)
    given, reply = find_question(sql, command.key, command.name), find_question(sql, command.key, name)
    if given and (before := DeletedReply.parse(json.loads(given["options"]))):
        return before
    if reply is None:
        return DeletedReply(())
    if reply["outcome"] is None:
        stop_answer(sql, command.key, name)
        if (find_question(sql, command.key, name) or reply)["outcome"] is None:
            return None
    final, pages = read_final_text(reply), sql.many(PAGES, reply)
    deleted = DeletedReply(tuple(row["message"] for row in pages), tuple(list_files(final)) if final else ())
    if given:
        sql.update("questions", given["id"], {"options": json.dumps({**command.values, **deleted.dump()})})
    now = sql.now()
    for row in pages:
        if page := find_message(sql, command.key, row["message"]):
            tombstone(sql, page, now)
    sql.update("questions", reply["id"], {"said": None, "cut": None, "made": None, "draft": None})
    details = {"asker": reply["person"], "pages": len(pages)}
    place = {"channel": reply["channel"], "thread": reply["thread"], "subject": name, "details": details}
    record_audit(sql, AuditEntry(reply["workspace"], now, command.person, AuditAction.ANSWER_DELETED, **place))
    return deleted


def refuse_retry(sql: Sql, reply: Row) -> str:
    """Why a question can't be answered anew; empty where it can."""
    if why := _refuse_unfinished(reply) or (GONE if reply["command"] is not None else ""):
        return why
    asked = find_question(sql, thread_key(reply), reply["continues"]) if reply["continues"] else None
    said = find_message(sql, thread_key(reply), reply["name"])
    if not (asked["said"] if asked else said and not said["deleted_at"]):
        return UNASKED
    return NOT_NEWEST[Control.RETRY] if has_later(sql, reply, "TRUE") else ""


def _press_of_asker(sql: Sql, event: Pressed, reply: Row) -> Receipt:
    """What who asked may do at once, and others if the platform says so.

    What is tried again while it is being shown to its end is left for the moment when that is over.
    """
    key, stops = thread_key(reply), event.control is Control.STOP
    waits = not stops and _is_ending(reply)
    if why := _refuse_stop(sql, reply) if stops else "" if waits else refuse_retry(sql, reply):
        return _describe(sql, key, note=why)
    command = build_command(sql, event, reply, reply["name"])
    if waits or event.person not in list_askers(sql, reply):
        return _describe(sql, key, new=True, question=keep_question(sql, command))
    keep_closed(sql, command)
    if stops:
        stopped = _stop(sql, reply)
        return _describe(sql, key, new=stopped, note="" if stopped else ENDED)
    _open_again(sql, reply, event.address, event.person)
    return _describe(sql, key, new=True, question=True)


def _stop(sql: Sql, reply: Row) -> bool:
    """Whether it is an answer that ends now, with what was said."""
    return stop_answer(sql, thread_key(reply), reply["name"]) > 0 or stop_job(sql, reply)


def _refuse_stop(sql: Sql, reply: Row) -> str:
    """Why an answer can't be stopped: it has ended, or ends by itself; empty where it can."""
    if reply["outcome"] is not None or (_is_ending(reply) and not is_shown_job(sql, reply)):
        return ENDED
    return STOPPED if reply["withdrawn_at"] else ""


def _is_ending(reply: Row) -> bool:
    """Whether all of an answer is known, and only its last page, or a file on it, may not be shown yet."""
    return reply["outcome"] is None and reply["said"] is not None


def _continue(sql: Sql, event: Pressed, reply: Row) -> Receipt:
    """Leave a question of who pressed, to which the answer is the rest of this one."""
    key = thread_key(reply)
    if why := _refuse_unfinished(reply):
        return _describe(sql, key, note=why)
    if reply["cut"] is None:
        return _describe(sql, key, note=NOT_CUT)
    if has_later(sql, reply, "NOT notice"):
        return _describe(sql, key, note=NOT_NEWEST[Control.CONTINUE])
    question = Question(
        key=key,
        name=event.id,
        person=event.person,
        at=max(_find_time(sql, event), parse_stamp(reply["at"])),
        address=event.address,
        alone=bool(reply["alone"]),
        continues=reply["name"],
    )
    new = keep_question(sql, question)
    return _describe(sql, key, new=new, question=new)


def _leave_deletion(sql: Sql, event: Pressed, reply: Row) -> Receipt:
    """Leave a command of whoever pressed: it takes the platform to delete anything, and its word on others' ranks."""
    key = thread_key(reply)
    if reply["private"] or (reply["outcome"] is not None and not reply["said"] and not sql.one(PAGES, reply)):
        return _describe(sql, key, note=GONE)
    new = keep_question(sql, build_command(sql, event, reply, reply["name"]))
    return _describe(sql, key, new=new, question=new)


def _post(sql: Sql, event: Pressed, reply: Row) -> Receipt:
    """Open a private answer again, for everybody, with its final text: in the thread of the message that it is about.

    What a command about no message brought is posted where that was given.
    """
    key, about = thread_key(reply), json.loads(reply["options"])
    if why := _refuse_post(event, reply):
        return _describe(sql, key, note=why)
    told = find_message(sql, key, about[MESSAGE]) if MESSAGE in about else None
    thread = thread_key(told) if told and not told["private"] else replace(key, thread=about.get(THREAD, key.thread))
    if thread.thread:
        track_thread(sql, thread, private=False)
    keep_closed(sql, build_command(sql, event, reply, reply["name"]))
    at = max(_find_time(sql, event), parse_stamp(reply["at"]))
    opened = {name: value for name, value in REOPENED.items() if name not in FINAL_TEXT}
    public = {**opened, "private": False, "after": None, "cut": None, "at": stamp(at), "address": event.address}
    sql.update("questions", reply["id"], {**public, **thread_values(thread)})
    return _describe(sql, thread, new=True, question=True, note=POSTED if MESSAGE in about else POSTED_HERE)


def _leave_keeping(sql: Sql, event: Pressed, reply: Row) -> Receipt:
    """Leave a command of who tried a persona: it takes the platform's word that they may change it."""
    key = thread_key(reply)
    if event.person != reply["person"]:
        return _describe(sql, key, note=ONLY_TRIER)
    if not reply["draft"]:
        return _describe(sql, key, note=GROWS if reply["outcome"] is None else NOTHING_TO_KEEP)
    new = keep_question(sql, build_command(sql, event, reply, reply["name"]))
    return _describe(sql, key, new=new, question=new)


def _refuse_post(event: Pressed, reply: Row) -> str:
    """Why an answer can't be posted; empty where it can."""
    if not reply["private"]:
        return VISIBLE
    if event.person != reply["person"]:
        return ONLY_ASKER
    if reply["outcome"] is None:
        return ENDS if _is_ending(reply) else GROWS
    return "" if may_be_posted(reply) else GONE


def _is_others(sql: Sql, event: Pressed) -> bool:
    """Whether what grows in the thread answers somebody else than who pressed."""
    growing = sql.one(GROWING, thread_values(event.key))
    return growing is not None and event.person not in list_askers(sql, growing)


def _vote(sql: Sql, event: Pressed, reply: Row) -> Receipt:
    key = thread_key(reply)
    if why := _refuse_unfinished(reply) or (GONE if reply["notice"] else ""):
        return _describe(sql, key, note=why)
    new = keep_vote(sql, reply, event.person, event.control is Control.UP, _find_time(sql, event))
    return _describe(sql, key, new=new, note=NOTED.format(event.control.label))


def _refuse_unfinished(reply: Row) -> str:
    """Why nothing can be done with an answer that nobody has, or not yet; empty where it is there."""
    if reply["outcome"] is None and reply["said"] is None and reply["command"] is None:
        return GROWS
    return GONE if reply["private"] or not reply["said"] else ""


def _open_again(sql: Sql, reply: Row, address: str, by: str) -> None:
    """Let the question be claimed once more, with all that it was answered with, and with the pages that stand."""
    others = (row for row in sql.many(TOGETHER, reply) if row["name"] != reply["name"])
    open_again(sql, [reply, *others], address, by)
    place = {"workspace": reply["workspace"], "channel": reply["channel"], "question": reply["id"]}
    for page in sql.many(PAGES, reply):
        sql.insert_new("pages", {**place, "page": page["message"], "at": page["at"]})


def build_command(sql: Sql, event: Pressed, reply: Row, subject: str) -> Question:
    """The private command that does what a press does, of whoever pressed."""
    return Question(
        key=thread_key(reply),
        name=event.id,
        person=event.person,
        at=_find_time(sql, event),
        address=event.address,
        private=True,
        command=event.control.value,
        values={"reply": subject},
    )


def _find_time(sql: Sql, event: Pressed) -> datetime:
    return event.at or sql.now()


def _describe(sql: Sql, key: ThreadKey, *, new: bool = False, question: bool = False, note: str = "") -> Receipt:
    return Receipt(new=new, ours=is_tracked(sql, key), question=question, key=key, note=note)


CARRY_OUT = {
    Control.STOP: _press_of_asker,
    Control.RETRY: _press_of_asker,
    Control.CONTINUE: _continue,
    Control.DELETE: _leave_deletion,
    Control.POST: _post,
    Control.KEEP: _leave_keeping,
}


def find_ending(sql: Sql, key: ThreadKey, name: str) -> Ending | None:
    """How the question of that name ended; None while it is open. One of which nothing is kept got no answer."""
    row = find_question(sql, key, name)
    if row is None:
        return Ending(name, Outcome.EXPIRED)
    if row["outcome"] is None and row["parked"] != "waiting":
        return None
    return Ending(row["reply"] or name, Outcome(row["outcome"]) if row["outcome"] else None)
