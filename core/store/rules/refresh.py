"""Healing: the rows of a thread become what the platform shows, inside what was read."""

import json
from collections.abc import Iterable
from datetime import datetime

from sqlite_utils import Database

from core.domain.messages import History, Reach, ThreadKey
from core.store.protocols import Thread
from core.store.rules.erased import Forgotten
from core.store.rules.message_rows import adopt, bury, keep
from core.store.rules.question_rows import place
from core.store.rules.thread_state import standing, warm
from core.store.sqlite.connection import Row, one

# The words of a question that has a place of its own may be no message of the platform's.
AMONG = """
SELECT messages.*, coalesce(questions.alone, 0) AS alone FROM messages LEFT JOIN questions
    ON questions.workspace = messages.workspace AND questions.channel = messages.channel
    AND questions.name = messages.message
WHERE messages.workspace = :workspace AND messages.channel = :channel
AND messages.message IN (SELECT value FROM json_each(:names))
"""

UNSEEN = """
SELECT 1 AS unseen FROM messages
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND deleted_at IS NULL AND NOT mine
AND message NOT IN (SELECT value FROM json_each(:known)) LIMIT 1
"""


def refresh(db: Database, thread: Thread, history: History, now: datetime) -> None:
    """Change nothing outside of what was read, nor what arrived after `thread` was.

    With such a message the thread stays cold: it may have come late, and be deleted.
    """
    row = standing(db, thread.key)
    if row is None:
        return
    shown = {message.id: message for message in history.messages}
    missing = _inside(thread, history) - set(shown)
    held = _among(db, thread.key, {*shown, *missing, *history.gone})
    forgotten = Forgotten(db, thread.key)
    new = (each for each in shown.values() if each.id not in held and not forgotten.covers(each.author, each.at))
    keep(db, thread.key, list(new), bool(row["private"]))
    for name, kept in held.items():
        if name in shown:
            adopt(db, kept, shown[name])
        elif not kept["deleted_at"] and (name in history.gone or not kept["alone"]):
            bury(db, kept, now)
    known = {*shown, *(message.id for message in thread.messages)}
    if one(db, UNSEEN, {**place(thread.key), "known": json.dumps(sorted(known))}) is None:
        warm(db, thread.key, thread.gap)


def _inside(thread: Thread, history: History) -> set[str]:
    """What we held of that which the platform shows all of."""
    if history.reach is Reach.WHOLE:
        return {message.id for message in thread.messages}
    if history.reach is Reach.CHAIN or not history.messages:
        return set()
    first = history.messages[0]
    return {message.id for message in thread.messages if (message.at, message.id) >= (first.at, first.id)}


def _among(db: Database, key: ThreadKey, names: Iterable[str]) -> dict[str, Row]:
    rows = db.query(AMONG, {**place(key), "names": json.dumps(list(names))})
    return {row["message"]: row for row in rows}
