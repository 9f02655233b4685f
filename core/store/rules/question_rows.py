"""Questions as rows: asked once, withdrawn, closed."""

import json
from collections.abc import Iterable
from datetime import datetime

from sqlite_utils import Database

from core.domain.messages import Asks, FinalText, Outcome, Question, ThreadKey, clean_text
from core.store.rules.erased import Forgotten, erased
from core.store.rules.moments import moment, stamp
from core.store.sqlite.connection import Row, many, one
from core.store.sqlite.rows import insert, update

ASKED = "SELECT * FROM questions WHERE workspace = :workspace AND channel = :channel AND name = :name"

IN_THREAD = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND outcome IS NULL
"""

NO_PAGES = "DELETE FROM pages WHERE question = :id"

CLOSE = """
UPDATE questions SET outcome = :outcome, closed_at = :at, address = '{}', options = '{}', claim = NULL WHERE id = :id
"""

TAKEN_BACK = """
SELECT 1 AS taken_back FROM messages WHERE workspace = :workspace AND channel = :channel AND message = :name
AND (deleted_at IS NOT NULL OR edited_at IS NOT NULL)
"""

OPEN = {"reply": None, "outcome": None, "closed_at": None}

WIPE = "UPDATE questions SET said = NULL, command = CASE WHEN command IS NOT NULL THEN '' END WHERE id = ?"


def question_of(row: Row) -> Question:
    return Question(
        key=key_of(row),
        name=row["name"],
        person=row["person"],
        at=moment(row["at"]),
        asks=Asks(row["asks"]),
        address=row["address"],
        alone=bool(row["alone"]),
        private=bool(row["private"]),
        command=row["command"],
        values=json.loads(row["options"]),
    )


def said_of(row: Row) -> FinalText | None:
    return None if row["said"] is None else FinalText(row["said"], bool(row["notice"]), row["after"])


def key_of(row: Row) -> ThreadKey:
    return ThreadKey(row["workspace"], row["channel"], row["thread"])


def place(key: ThreadKey) -> Row:
    return {"workspace": key.workspace, "channel": key.channel, "thread": key.thread}


def asked(db: Database, key: ThreadKey, name: str) -> Row | None:
    return one(db, ASKED, {**place(key), "name": name})


def ask(db: Database, question: Question) -> bool:
    """Keep a question, once. One that is asked for certain the second time is certain, and open unless answered."""
    row = asked(db, question.key, question.name)
    if row is None:
        insert(db, "questions", _row_of(question))
        return True
    if question.asks is Asks.CERTAINLY and row["outcome"] is None:
        update(db, "questions", row["id"], {"asks": Asks.CERTAINLY.value})
    if question.asks is Asks.CERTAINLY and row["outcome"] == Outcome.NOT_FOR_US.value:
        update(db, "questions", row["id"], {**_row_of(question), **OPEN})
        return True
    return False


def waiting(db: Database, key: ThreadKey) -> list[Row]:
    """The open questions of a thread."""
    return many(db, IN_THREAD, place(key))


def withdraw(db: Database, rows: Iterable[Row], at: datetime) -> int:
    """Nobody waits for these any more. Who is answering one hears of it and closes it; the others close now."""
    count = 0
    for row in rows:
        if row["withdrawn_at"] or row["outcome"]:
            continue
        update(db, "questions", row["id"], {"withdrawn_at": stamp(at)})
        if row["claim"] is None or row["reply"] != row["name"]:
            finish(db, row, Outcome.WITHDRAWN, at)
        count += 1
    return count


def finish(db: Database, row: Row, outcome: Outcome, at: datetime) -> None:
    """Close a question. Of a private one, or one that was forgotten meanwhile, only its name remains.

    Its address may hold words that were deleted or changed meanwhile.
    """
    db.execute(CLOSE, {"id": row["id"], "outcome": outcome.value, "at": stamp(at)})
    db.execute(NO_PAGES, {"id": row["id"]})
    if row["private"] and row["command"] is None:
        db.table("threads").delete_where("workspace = :workspace AND channel = :channel AND thread = :thread", row)
    if row["private"] or Forgotten(db, key_of(row)).covers(row["person"], moment(row["at"])):
        db.execute(WIPE, [row["id"]])
        erased(db, row["workspace"], row["channel"], at)
    elif one(db, TAKEN_BACK, row):
        erased(db, row["workspace"], row["channel"], at)


def _row_of(question: Question) -> Row:
    return {
        **place(question.key),
        "name": question.name,
        "person": question.person,
        "at": stamp(question.at),
        "asks": question.asks.value,
        "alone": question.alone,
        "private": question.private,
        "command": question.command and clean_text(question.command),
        "options": json.dumps(dict(question.values)),
        "address": clean_text(question.address),
    }
