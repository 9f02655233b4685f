"""Messages of threads of ours as rows: kept, changed, buried."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlite_utils import Database

from core.domain.messages import Attachment, Message, ThreadKey
from core.store.rules.erased import erased
from core.store.rules.moments import moment, stamp
from core.store.rules.question_rows import asked, place, withdraw
from core.store.sqlite.connection import Row, one
from core.store.sqlite.rows import insert, update

NEVER = stamp(datetime.min.replace(tzinfo=UTC))

HELD = "SELECT * FROM messages WHERE workspace = :workspace AND channel = :channel AND message = :message"

BURY = "UPDATE messages SET text = '', attachments = '[]', deleted_at = :at WHERE id = :id"

UNTELL = """
DELETE FROM told WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND kind = 'attachment'
AND subject IN (SELECT value ->> 'id' FROM json_each(:attachments))
"""

CHILL = """
UPDATE threads SET read_gap = NULL WHERE workspace = :workspace AND channel = :channel AND thread = :thread
"""


LATER = """
SELECT 1 AS later FROM messages
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND at > :at AND deleted_at IS NULL LIMIT 1
"""


def message_of(row: Row) -> Message:
    return Message(
        id=row["message"],
        author=row["author"],
        text=row["text"],
        at=moment(row["at"]),
        mine=bool(row["mine"]),
        bot=bool(row["bot"]),
        parent=row["parent"],
        answers=row["answers"],
        notice=bool(row["notice"]),
        edited=moment(row["edited_at"]) if row["edited_at"] else None,
        attachments=_attached(row["attachments"]),
    )


def _attached(kept: str) -> tuple[Attachment, ...]:
    return () if kept == "[]" else tuple(Attachment(**attachment) for attachment in json.loads(kept))


def held(db: Database, key: ThreadKey, name: str) -> Row | None:
    """The message of that name in the channel, or its grave, whatever thread it is in."""
    return one(db, HELD, {**place(key), "message": name})


def overtaken(db: Database, key: ThreadKey, message: Message) -> bool:
    """Whether later messages of its thread are held already."""
    return one(db, LATER, {**place(key), "at": stamp(message.at)}) is not None


def chill(db: Database, key: ThreadKey) -> None:
    """The thread must be read again."""
    db.execute(CHILL, place(key))


def keep(db: Database, key: ThreadKey, messages: Iterable[Message], private: bool = False) -> None:
    for message in messages:
        insert(db, "messages", _row_of(key, message, private))


def adopt(db: Database, row: Row, message: Message) -> bool:
    """Make a row say what the platform shows, unless it is a grave or shows something newer. Whether it changed."""
    edited = message.edited and stamp(message.edited)
    if row["deleted_at"] or (edited or NEVER) < (row["edited_at"] or NEVER):
        return False
    shown = {
        "author": message.author,
        "text": message.text,
        "at": stamp(message.at),
        "edited_at": edited,
        "attachments": _attachments(message),
        "parent": message.parent or row["parent"],
        "answers": message.answers or row["answers"],
        "notice": int(message.notice or row["notice"]),
    }
    changes = {name: value for name, value in shown.items() if row[name] != value}
    if changes:
        update(db, "messages", row["id"], changes)
    if not row["mine"] and changes.keys() & {"text", "attachments"}:
        erased(db, row["workspace"], row["channel"], message.edited or message.at)
    return bool(changes)


def complete(db: Database, row: Row, message: Message) -> bool:
    """Take the files from another copy of a message that was never edited: Slack's first one may lack them."""
    lacking = row["attachments"] == "[]" and message.attachments and not row["edited_at"]
    if lacking:
        update(db, "messages", row["id"], {"attachments": _attachments(message)})
    return bool(lacking)


def bury(db: Database, row: Row, at: datetime) -> None:
    """Leave a grave, and no word of what was said; a question that it asked is withdrawn.

    If it was a page of a whole reply, the reply is no longer what we kept: its thread must be read again.
    """
    db.execute(UNTELL, row)
    db.execute(BURY, {"id": row["id"], "at": stamp(at)})
    erased(db, row["workspace"], row["channel"], at)
    key = ThreadKey(row["workspace"], row["channel"], row["thread"])
    question = asked(db, key, row["message"])
    if question:
        withdraw(db, [question], at)
    reply = asked(db, key, row["answers"]) if row["answers"] else None
    if reply and reply["outcome"]:
        update(db, "questions", reply["id"], {"said": None})
        db.execute(CHILL, row)


def dig(db: Database, key: ThreadKey, name: str, at: datetime) -> None:
    """A grave for a message that we never saw."""
    row = {**place(key), "message": name, "author": "", "text": "", "at": stamp(at), "deleted_at": stamp(at)}
    insert(db, "messages", row)


def _row_of(key: ThreadKey, message: Message, private: bool) -> Row:
    return {
        **place(key),
        "message": message.id,
        "author": message.author,
        "text": message.text,
        "at": stamp(message.at),
        "mine": message.mine,
        "bot": message.bot,
        "parent": message.parent,
        "answers": message.answers,
        "notice": message.notice,
        "edited_at": message.edited and stamp(message.edited),
        "attachments": _attachments(message),
        "private": private,
    }


def _attachments(message: Message) -> str:
    return json.dumps([{name: getattr(one, name) for name in Attachment.__slots__} for one in message.attachments])
