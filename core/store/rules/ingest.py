"""Events become rows, each once."""

from datetime import datetime, timedelta

from sqlite_utils import Database

from core.domain.events import (
    Backfilled,
    Commanded,
    Deleted,
    Edited,
    Event,
    Missed,
    MissedRange,
    Posted,
    Pressed,
    Receipt,
)
from core.domain.messages import Asks, Message, Question, ThreadKey
from core.store.rules.erased import Forgotten
from core.store.rules.message_rows import adopt, bury, chill, complete, dig, held, keep, overtaken
from core.store.rules.moments import stamp
from core.store.rules.question_rows import ask, asked, key_of, place, waiting, withdraw
from core.store.rules.thread_state import begin, gap, ours
from core.store.rules.watermarks import caught_up, heard, missed
from core.store.sqlite.connection import Row, one

LATE = timedelta(seconds=5)  # that no event takes which is delivered the first time
NOWHERE = ThreadKey("", "", "")

BEFORE = """
SELECT 1 FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND (at, name) < (:at, :name) LIMIT 1
"""


def ingest(db: Database, event: Event, now: datetime) -> Receipt:
    match event:
        case Posted():
            return _said(db, event, now)
        case Edited():
            return _edited(db, event, now)
        case Deleted():
            return _deleted(db, event)
        case Commanded():
            return _commanded(db, event)
        case Pressed():
            return _pressed(db, event, now)
        case Missed() | Backfilled():
            return Receipt(new=True, ours=False, question=False, key=NOWHERE, missed=_missed(db, event, now))


def _said(db: Database, event: Posted, now: datetime) -> Receipt:
    heard(db, event.key.workspace, event.message.at)
    row = held(db, event.key, event.message.id)
    key = _thread(db, event, row)
    mine = ours(db, key)
    if not (mine or event.asks is Asks.CERTAINLY) or _gone(db, event, key, row):
        return Receipt(new=False, ours=mine, question=False, key=key)
    if not mine:
        begin(db, key, now, event.private)
    new = _keep(db, key, event.message, row, now, private=event.private)
    question = _asks(db, key, event) and ask(db, _question(key, event))
    return Receipt(new=new or question, ours=True, question=question, key=key)


def _thread(db: Database, event: Posted | Edited, row: Row | None) -> ThreadKey:
    """Where the message is already, or its parent, or else where the platform says. What is private is alone."""
    if row:
        return key_of(row)
    if isinstance(event, Posted) and event.private:
        return ThreadKey(event.key.workspace, event.key.channel, event.message.id)
    parent = held(db, event.key, event.message.parent) if event.message.parent else None
    return key_of(parent) if parent and not parent["private"] else event.key


def _gone(db: Database, event: Posted, key: ThreadKey, row: Row | None) -> bool:
    """Whether the message must not rise: it was deleted, it was forgotten, or it was private and is answered."""
    if row:
        return row["deleted_at"] is not None
    answered = asked(db, key, event.message.id) is not None
    return answered or Forgotten(db, key).covers(event.message.author, event.message.at)


def _keep(
    db: Database, key: ThreadKey, message: Message, row: Row | None, now: datetime, *, private: bool = False
) -> bool:
    """A new message is kept. One of ours that is held says now what the platform shows; others know their words.

    A late one may have been deleted when its thread was not ours yet: only the platform knows.
    """
    if row is None:
        if now - message.at > LATE or overtaken(db, key, message):
            chill(db, key)
        keep(db, key, [message], private)
        return True
    return adopt(db, row, message) if message.mine else complete(db, row, message)


def _asks(db: Database, key: ThreadKey, event: Posted) -> bool:
    """Whether it wants an answer. What was said before anybody asked us follows up nothing, however late it comes."""
    if event.asks is Asks.PERHAPS:
        return one(db, BEFORE, {**place(key), "at": stamp(event.message.at), "name": event.message.id}) is not None
    return event.asks is Asks.CERTAINLY


def _question(key: ThreadKey, event: Posted) -> Question:
    return Question(
        key=key,
        name=event.message.id,
        person=event.message.author,
        at=event.message.at,
        asks=event.asks,
        address=event.address,
        alone=event.alone,
        private=event.private,
    )


def _edited(db: Database, event: Edited, now: datetime) -> Receipt:
    row = held(db, event.key, event.message.id)
    key = _thread(db, event, row)
    mine = ours(db, key)
    if row:
        changed = adopt(db, row, event.message)
    elif mine and not Forgotten(db, key).covers(event.message.author, event.message.at):
        changed = _keep(db, key, event.message, None, now)
    else:
        changed = False
    return Receipt(new=changed, ours=mine, question=False, key=key)


def _deleted(db: Database, event: Deleted) -> Receipt:
    row = held(db, event.key, event.message)
    key = key_of(row) if row else event.key
    mine = ours(db, key)
    new = mine and not (row and row["deleted_at"])
    if row and new:
        bury(db, row, event.at)
    elif new:
        dig(db, key, event.message, event.at)
    return Receipt(new=new, ours=mine, question=False, key=key)


def _commanded(db: Database, event: Commanded) -> Receipt:
    question = Question(
        key=event.key,
        name=event.id,
        person=event.person,
        at=event.at,
        address=event.address,
        private=event.private,
        command=event.line,
        values=event.values,
    )
    new = ask(db, question)
    return Receipt(new=new, ours=ours(db, event.key), question=new, key=event.key)


def _pressed(db: Database, event: Pressed, now: datetime) -> Receipt:
    new = event.button == "stop" and stop(db, event.key, event.question, now) > 0
    return Receipt(new=new, ours=ours(db, event.key), question=False, key=event.key)


def _missed(db: Database, event: Missed | Backfilled, now: datetime) -> tuple[MissedRange, ...]:
    """What there is to look for; nothing when it was looked for."""
    if isinstance(event, Backfilled):
        caught_up(db, event.workspace)
        return ()
    gap(db, event.platform, event.workspaces)
    return missed(db, event.platform, event.workspaces, now)


def stop(db: Database, key: ThreadKey, name: str | None, now: datetime) -> int:
    """Withdraw a question and those answered with it, or without a name all of the thread. How many."""
    if name is None:
        return withdraw(db, waiting(db, key), now)
    row = asked(db, key, name)
    if row is None:
        return 0
    rows = waiting(db, key_of(row)) if row["claim"] else [row]
    return withdraw(db, [one for one in rows if one["claim"] == row["claim"]], now)
