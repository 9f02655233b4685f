"""Refreshing: the rows of a stale thread become what the platform shows, inside what was read, a portion at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


PORTION = 200  # messages that one unit of work looks at, which takes it some milliseconds on SQLite


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a thread is to become: `shown` is what the platform showed, by name; `portions` are names, in this order."""

    thread: Thread
    history: History
    shown: Mapping[str, Message]
    portions: Sequence[Sequence[str]]


def plan_refresh(thread: Thread, history: History) -> Refresh:
    """Look at nothing outside of what was read, nor at what arrived after `thread` was."""
    shown = {message.id: message for message in (*history.messages, *history.beside)}
    missing = _names_inside(thread, history) - shown.keys()
    names = list(dict.fromkeys((*shown, *sorted(missing), *sorted(history.gone))))
    portions = [names[start : start + PORTION] for start in range(0, len(names), PORTION)]
    return Refresh(thread, history, shown, portions or [[]])


def refresh_portion(sql: Sql, refresh: Refresh, names: Sequence[str]) -> bool:
    """Make these messages what the platform shows. Whether the next portion has its turn: the thread is tracked still.

    Whatever happens between two of them, the thread is stale until the last one. Where a message has come that was not
    read, it stays so: that may have come late, and be deleted.
    """
    thread, history, shown = refresh.thread, refresh.history, refresh.shown
    lock_channel(sql, thread.key.workspace, thread.key.channel)
    row = find_thread(sql, thread.key)
    if row is None:
        return False
    kept = _find_kept(sql, thread.key, names)
    forgotten = find_forgotten(sql, thread.key)
    new = [shown[name] for name in names if name in shown and name not in kept]
    new = [one for one in new if not forgotten.covers(one.author, one.at)]
    insert_messages(sql, thread.key, new, bool(row["private"]))
    for name, message in kept.items():
        if name in shown:
            if name in history.unasked and not _is_older(shown[name], message):
                take_question_back(sql, thread.key, name, Asks.NO)
            update_message(sql, message, shown[name])
        elif not message["deleted_at"] and (name in history.gone or not message["alone"]):
            tombstone(sql, message, sql.now())
    if names == refresh.portions[-1] and not _has_unseen(sql, thread, shown):
        mark_fresh(sql, thread.key, thread.generation)
    return True


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
    return sql.one(statement, {**thread_values(thread.key), "known": list(known)}) is not None
