"""Questions as rows: asked once, withdrawn, closed."""

import json
from collections.abc import Iterable
from datetime import datetime

from pydantic import TypeAdapter

from core.domain.controls import Control
from core.domain.messages import (
    MESSAGE,
    THREAD,
    Asks,
    Attachment,
    FinalText,
    Outcome,
    Question,
    ThreadKey,
    Unanswered,
    clean_text,
)
from core.store.rules.drafts import erase_known_files, read_draft
from core.store.rules.erasures import Forgotten, build_forgotten_query, record_erasure
from core.store.rules.files import release_thread_files
from core.store.rules.jobs.endings import is_shown_job, release_job
from core.store.rules.made_files import read_made_files, release_made_files
from core.store.rules.processes.announcements import announce_withdrawal
from core.store.sql_port import Row, Sql, Values, parse_stamp, stamp

BY_NAME = "SELECT * FROM questions WHERE workspace = :workspace AND channel = :channel AND name = :name"

OPEN_IN_THREAD = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND outcome IS NULL
"""

DELETE_PAGES = "DELETE FROM pages WHERE question = :id"

DELETE_THREAD = "DELETE FROM threads WHERE workspace = :workspace AND channel = :channel AND thread = :thread"

CLOSE = """
UPDATE questions SET outcome = :outcome, closed_at = :at, address = '{}', options = '{}', claim = NULL, earlier = NULL,
parked = NULL, parked_until = NULL, told = NULL, so_far = NULL, attachments = NULL, offers = NULL
WHERE id = :id
"""

TAKEN_BACK = """
SELECT deleted_at FROM messages WHERE workspace = :workspace AND channel = :channel AND message = :name
AND (deleted_at IS NOT NULL OR edited_at IS NOT NULL)
"""

WIPE = """
UPDATE questions SET said = NULL, cut = NULL, made = NULL, draft = NULL,
command = CASE WHEN command IS NOT NULL THEN '' END
WHERE id = :id
"""

WIPE_COMMAND = "UPDATE questions SET command = '' WHERE id = :id"

ATTACHMENTS = TypeAdapter(tuple[Attachment, ...])

BRIEF = 80  # characters of a command and its values that are numbers and names; a longer one holds somebody's words

ANSWERED = """
SELECT 1 AS answered FROM messages
WHERE workspace = :workspace AND channel = :channel AND answers = :name AND deleted_at IS NULL LIMIT 1
"""

SHOWN = """
SELECT 1 AS shown FROM pages JOIN questions ON questions.id = pages.question
WHERE questions.workspace = :workspace AND questions.channel = :channel AND questions.name = :reply LIMIT 1
"""

FREE_COMPANIONS = """
UPDATE questions SET claim = NULL, reply = NULL, unanswered = NULL WHERE claim = :claim AND outcome IS NULL
"""

# Those that others took away while it grew: of ours that we took away, nothing is written down any more.
GONE_PAGE = """
SELECT 1 AS gone FROM pages JOIN messages ON messages.workspace = pages.workspace
    AND messages.channel = pages.channel AND messages.message = pages.page
WHERE pages.question = :id AND messages.deleted_at IS NOT NULL LIMIT 1
"""

READ_AGAIN = """
UPDATE threads SET read_gap = NULL WHERE workspace = :workspace AND channel = :channel AND thread = :thread
"""

WIPE_STEPS = """
UPDATE requests SET step = NULL, content = NULL
WHERE workspace = :workspace AND channel = :channel AND question = :name AND step IS NOT NULL
"""

DELETE_CALLS = "DELETE FROM tool_calls WHERE workspace = :workspace AND channel = :channel AND question = :name"

# What was called stays known, without a word, for whoever lets the question be answered anew; no number is given twice.
CLOSE_CALLS = """
UPDATE tool_calls SET call = '#' || number, arguments = '{}', result = NULL, person = NULL,
state = CASE WHEN state = 'begun' THEN 'uncertain' WHEN state IN ('waiting', 'allowed') THEN 'dropped' ELSE state END
WHERE workspace = :workspace AND channel = :channel AND question = :name
"""

WAKE = "UPDATE questions SET parked = 'woken' WHERE claim = :claim AND parked = 'waiting'"

RELEASE = "DELETE FROM claims WHERE id = :claim"

REOPENED = {
    "reply": None,
    "parked": None,
    "parked_until": None,
    "told": None,
    "so_far": None,
    "outcome": None,
    "closed_at": None,
    "unanswered": None,
    "claim": None,
    "withdrawn_at": None,
    "said": None,
    "cut": None,
    "made": None,
    "draft": None,
    "offers": None,
    "earlier": None,
    "unpostable": None,
}

FINAL_TEXT = (
    "said",
    "notice",
    "after",
    "unanswered",
    "cut",
    "made",
    "draft",
    "offers",
)  # columns of what was said in the end


def read_question(row: Row) -> Question:
    return Question(
        key=thread_key(row),
        name=row["name"],
        person=row["person"],
        at=parse_stamp(row["at"]),
        asks=Asks(row["asks"]),
        address=row["address"],
        alone=bool(row["alone"]),
        private=bool(row["private"]),
        command=row["command"],
        values=json.loads(row["options"]),
        continues=row["continues"],
        attachments=ATTACHMENTS.validate_json(row["attachments"]) if row["attachments"] else (),
        schedule=row["schedule"],
    )


def read_final_text(row: Row) -> FinalText | None:
    if row["said"] is None:
        return None
    unanswered = Unanswered(row["unanswered"]) if row["unanswered"] else None
    return FinalText(
        row["said"],
        bool(row["notice"]),
        row["after"],
        None if unanswered is Unanswered.PARKED else unanswered,
        row["cut"],
        row["continues"],
        read_made_files(row),
        read_draft(row),
        tuple(Control(name) for name in (row.get("offers") or "").split()),
    )


def read_earlier_text(row: Row) -> FinalText | None:
    """What was said in the end before the question was opened again, while it is."""
    return read_final_text({**row, **json.loads(row["earlier"])}) if row["earlier"] else None


def thread_key(row: Row) -> ThreadKey:
    return ThreadKey(row["workspace"], row["channel"], row["thread"])


def thread_values(key: ThreadKey) -> Row:
    return {"workspace": key.workspace, "channel": key.channel, "thread": key.thread}


def find_question(sql: Sql, key: ThreadKey, name: str) -> Row | None:
    """The question of that name in the channel, whatever thread it is in."""
    return sql.one(*build_question_query(key, name))


def build_question_query(key: ThreadKey, name: str) -> tuple[str, Values]:
    """What `find_question` asks."""
    return BY_NAME, {**thread_values(key), "name": name}


def keep_question(sql: Sql, question: Question) -> bool:
    """Keep a question, once. One that is asked for certain the second time is certain, and open unless answered.

    What an edit took back may be asked again.
    """
    row = find_question(sql, question.key, question.name)
    if row is None:
        sql.insert("questions", _row_of(question))
        return True
    if question.asks is Asks.CERTAINLY and row["outcome"] is None:
        sql.update("questions", row["id"], {"asks": Asks.CERTAINLY.value})
    if question.asks is Asks.CERTAINLY and row["outcome"] == Outcome.NOT_FOR_US.value:
        sql.update("questions", row["id"], {**_row_of(question), **REOPENED})
        return True
    if question.asks is Asks.CERTAINLY and row["asks"] == Asks.NO.value:
        return replace_question(sql, row, question)
    return False


def replace_question(sql: Sql, row: Row, question: Question) -> bool:
    """Ask `question` in the place of what an edit of its message asks no more, unless that was answered. Whether so.

    Who answers that finds its claim gone; what it would have answered together waits again.
    """
    if sql.one(ANSWERED, row):
        return False
    if row["claim"] is not None and row["reply"] == row["name"]:
        sql.execute(FREE_COMPANIONS, row)
        sql.execute(RELEASE, row)
    sql.execute(DELETE_PAGES, row)
    release_made_files(sql, row)
    sql.update("questions", row["id"], {**_row_of(question), **REOPENED})
    return True


def keep_closed(sql: Sql, command: Question) -> None:
    """Keep that something was commanded and is done, so that it is not done again. Its words are not kept."""
    done = {"command": "", "options": "{}", "address": "{}", "attachments": None, "closed_at": stamp(sql.now())}
    sql.insert("questions", {**_row_of(command), **done, "outcome": Outcome.CARRIED_OUT.value})


def open_again(sql: Sql, rows: Iterable[Row], address: str, by: str) -> None:
    """Ask closed questions anew, as `by` wants it, to be answered together as they were: the first of them leads.

    What it said stands in `earlier` as long as it is open.
    """
    lead, *others = rows
    again = {**REOPENED, "notice": False, "after": None, "reply": lead["name"], "address": clean_text(address)}
    earlier = json.dumps({name: lead[name] for name in FINAL_TEXT})
    sql.update("questions", lead["id"], {**again, "earlier": earlier, "reopened_by": by})
    for row in others:
        sql.update("questions", row["id"], again)


def stop_answer(sql: Sql, key: ThreadKey, name: str | None) -> int:
    """Withdraw a question and those answered with it, or without a name all of the thread. How many."""
    if name is None:
        return withdraw_questions(sql, [row for row in _list_open(sql, key) if not is_shown_job(sql, row)])
    row = find_question(sql, key, name)
    if row is None or is_shown_job(sql, row):
        return 0
    rows = _list_open(sql, thread_key(row)) if row["claim"] else [row]
    return withdraw_questions(sql, [each for each in rows if each["claim"] == row["claim"]])


def withdraw_questions(sql: Sql, rows: Iterable[Row]) -> int:
    """Nobody waits for these any more. The worker that answers one learns it and closes it; the others close now."""
    count = 0
    for row in rows:
        if row["withdrawn_at"] or row["outcome"]:
            continue
        sql.update("questions", row["id"], {"withdrawn_at": stamp(sql.now())})
        if row["parked"]:
            sql.execute(WAKE, row)
        if row["claim"] is None or row["reply"] != row["name"]:
            close_question(sql, row, Outcome.WITHDRAWN)
        else:
            announce_withdrawal(sql, row["claim"])
        count += 1
    return count


def close_question(sql: Sql, row: Row, outcome: Outcome) -> None:
    """Close a question. Of a private one, or one that was forgotten meanwhile, only its name remains.

    Of a command the words go, and an answer of Claude's stays. An address may hold words that were deleted meanwhile.
    """
    now = sql.now()
    if row["command"] is not None:
        release_job(sql, row, outcome)
    sql.execute(CLOSE, {"id": row["id"], "outcome": outcome.value, "at": stamp(now)})
    postable = outcome is Outcome.SHOWN and may_be_posted(row)
    release_made_files(sql, row, postable=postable)
    if row["earlier"] and row["said"] is None:  # it was tried again and nothing came of it: what stood there stands
        sql.update("questions", row["id"], json.loads(row["earlier"]))
    gone = sql.one(GONE_PAGE, row)
    sql.execute(DELETE_PAGES, row)
    sql.execute(WIPE_STEPS, row)
    sql.execute(CLOSE_CALLS, row)
    if gone:  # what stands there now only the platform knows
        wipe_answer(sql, row)
        sql.execute(READ_AGAIN, row)
        record_erasure(sql, row["workspace"], row["channel"], now)
    if row["private"] and row["command"] is None:
        release_thread_files(sql, row)
        sql.execute(DELETE_THREAD, row)
    forgotten, taken_back = sql.many_each(build_forgotten_query(thread_key(row)), (TAKEN_BACK, row))
    begun = find_question(sql, thread_key(row), row["continues"]) if row["continues"] else None
    rest = begun is not None and begun["said"] is None  # of an answer that was erased meanwhile
    if postable:
        places = {name: one for name, one in json.loads(row["options"]).items() if name in {MESSAGE, THREAD}}
        sql.update("questions", row["id"], {"options": json.dumps(places)})
    private = row["private"] and not postable
    covered = Forgotten(forgotten).covers(row["person"], parse_stamp(row["at"]))
    if row["command"] is not None and (covered or row["withdrawn_at"]):  # what its message brought goes with it
        erase_known_files(sql, row["workspace"], channel=row["channel"], source=row["name"])
    if private or rest or covered:
        wipe_answer(sql, row)
        record_erasure(sql, row["workspace"], row["channel"], now)
        return
    if any(one["deleted_at"] for one in taken_back):
        erase_calls(sql, row)
    if row["command"] is not None:
        sql.execute(WIPE if row["notice"] else WIPE_COMMAND, row)
    if taken_back or len(f"{row['command'] or ''}{row['options']}") > BRIEF:
        record_erasure(sql, row["workspace"], row["channel"], now)


def may_be_posted(row: Row) -> bool:
    """Whether a private answer about a message, or to a command, is kept for a while: its asker may show it to all.

    What a command says itself is a notice. What may quote words that went meanwhile is shown once.
    """
    if row["unpostable"]:
        return False
    shared = row["command"] is not None or MESSAGE in json.loads(row["options"])
    return bool(row["private"] and row["said"] and not row["notice"] and shared)


def wipe_answer(sql: Sql, row: Row) -> None:
    """Erase what was said in the end, and what tools did for it."""
    sql.execute(WIPE, row)
    erase_calls(sql, row)


def erase_calls(sql: Sql, row: Row) -> None:
    """Forget which tools acted for a question."""
    sql.execute(DELETE_CALLS, row)


def take_back_command(sql: Sql, key: ThreadKey, name: str, at: datetime) -> bool:
    """Withdraw a command whose message was deleted, and wipe its words. Whether there is one."""
    row = find_question(sql, key, name)
    if row is None or row["command"] is None:
        return False
    withdraw_questions(sql, [row])
    sql.execute(WIPE, row)
    record_erasure(sql, row["workspace"], row["channel"], at)
    return True


def take_question_back(sql: Sql, key: ThreadKey, name: str, asks: Asks) -> None:
    """Withdraw what an edit asks no more, unless a part of its answer is shown already.

    What still follows up in its thread is ours only if it calls nobody else, whatever it was before.
    """
    row = find_question(sql, key, name)
    if row is None or row["command"] is not None or row["outcome"] is not None or sql.one(SHOWN, row):
        return
    if row["withdrawn_at"] is None:
        sql.update("questions", row["id"], {"asks": asks.value})
    if asks is Asks.NO:
        withdraw_questions(sql, [row])


def _list_open(sql: Sql, key: ThreadKey) -> list[Row]:
    """The open questions of a thread."""
    return sql.many(OPEN_IN_THREAD, thread_values(key))


def _row_of(question: Question) -> Row:
    return {
        **thread_values(question.key),
        "name": question.name,
        "person": question.person,
        "at": stamp(question.at),
        "asks": question.asks.value,
        "alone": question.alone,
        "private": question.private,
        "command": question.command and clean_text(question.command),
        "options": json.dumps(dict(question.values)),
        "address": clean_text(question.address),
        "continues": question.continues,
        "attachments": ATTACHMENTS.dump_json(question.attachments).decode() if question.attachments else None,
        "schedule": question.schedule,
    }
