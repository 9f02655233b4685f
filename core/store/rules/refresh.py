"""Refreshing: the rows of a stale thread become what the platform shows, inside what was read."""

from collections.abc import Iterable

from core.domain.messages import Asks, History, Message, Reach, ThreadKey
from core.store.places.advisory_locks import lock_channel
from core.store.protocols import Thread
from core.store.rules.erasures import find_forgotten
from core.store.rules.messages import insert_messages, tombstone, update_message
from core.store.rules.questions import take_question_back, thread_values
from core.store.rules.threads import find_thread, mark_fresh
from core.store.sql_port import Row, Sql, stamp

# The words of a question that has a place of its own may be no message of the platform's.
KEPT = """
SELECT messages.*, coalesce(questions.alone, FALSE) AS alone FROM messages LEFT JOIN questions
    ON questions.workspace = messages.workspace AND questions.channel = messages.channel
    AND questions.name = messages.message
WHERE messages.workspace = :workspace AND messages.channel = :channel AND {named}
"""

UNSEEN = """
SELECT 1 AS unseen FROM messages
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND deleted_at IS NULL AND NOT mine
AND NOT ({known}) LIMIT 1
"""


def refresh_thread(sql: Sql, thread: Thread, history: History) -> None:
    """Change nothing outside of what was read, nor what arrived after `thread` was.

    With such a message the thread stays stale: it may have come late, and be deleted.
    """
    lock_channel(sql, thread.key.workspace, thread.key.channel)
    row = find_thread(sql, thread.key)
    if row is None:
        return
    shown = {message.id: message for message in (*history.messages, *history.beside)}
    missing = _names_inside(thread, history) - set(shown)
    kept = _find_kept(sql, thread.key, {*shown, *missing, *history.gone})
    forgotten = find_forgotten(sql, thread.key)
    new = (each for each in shown.values() if each.id not in kept and not forgotten.covers(each.author, each.at))
    insert_messages(sql, thread.key, list(new), bool(row["private"]))
    for name, message in kept.items():
        if name in shown:
            if name in history.unasked and not _is_older(shown[name], message):
                take_question_back(sql, thread.key, name, Asks.NO)
            update_message(sql, message, shown[name])
        elif not message["deleted_at"] and (name in history.gone or not message["alone"]):
            tombstone(sql, message, sql.now())
    if not _has_unseen(sql, thread, shown):
        mark_fresh(sql, thread.key, thread.generation)


def _is_older(message: Message, row: Row) -> bool:
    """Whether a later edit of it is kept already."""
    return bool(row["edited_at"] and message.edited and stamp(message.edited) < row["edited_at"])


def _names_inside(thread: Thread, history: History) -> set[str]:
    """What we kept of that which the platform shows all of."""
    elsewhere = thread.borrowed | thread.pieces
    if history.reach is Reach.WHOLE:
        return {message.id for message in thread.messages} - elsewhere
    if history.reach is Reach.CHAIN or not history.messages:
        return set()
    first = history.messages[0]
    return {one.id for one in thread.messages if (one.at, one.id) >= (first.at, first.id)} - elsewhere


def _find_kept(sql: Sql, key: ThreadKey, names: Iterable[str]) -> dict[str, Row]:
    statement = KEPT.format(named=sql.among("messages.message", "names"))
    rows = sql.many(statement, {**thread_values(key), "names": list(names)})
    return {row["message"]: row for row in rows}


def _has_unseen(sql: Sql, thread: Thread, shown: Iterable[str]) -> bool:
    """Whether a message is kept that neither the platform showed nor `thread` had."""
    known = {*shown, *(message.id for message in thread.messages)}
    statement = UNSEEN.format(known=sql.among("message", "known"))
    return sql.one(statement, {**thread_values(thread.key), "known": sorted(known)}) is not None
