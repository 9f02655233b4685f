"""Threads of ours: read whole or by branch, cold and warm, told, searched."""

import json
from collections.abc import Iterable

from sqlite_utils import Database

from core.billing.usage import Scope
from core.domain.clock import Clock
from core.domain.messages import FinalText, History, Message, ThreadKey, clean_text
from core.store.protocols import SpeakerNames, Thread
from core.store.rules.erasure import forget
from core.store.rules.message_rows import message_of
from core.store.rules.question_rows import place, said_of
from core.store.rules.refresh import refresh
from core.store.rules.reply_chains import branch as branch_of
from core.store.rules.thread_state import gap, ours, standing
from core.store.sqlite.connection import DatabaseThread, Row, many

MESSAGES = """
SELECT * FROM messages
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND deleted_at IS NULL
ORDER BY at, message
"""

REPLIES = """
SELECT name, said, notice, after FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread
AND said IS NOT NULL AND NOT private AND NOT notice
"""

# A branch may come from a thread that was begun before it was known to be the same.
BRANCH_MESSAGES = """
SELECT * FROM messages
WHERE workspace = :workspace AND channel = :channel AND message IN (SELECT value FROM json_each(:names))
AND deleted_at IS NULL AND (thread = :thread OR NOT private)
ORDER BY at, message
"""

BRANCH_REPLIES = """
SELECT name, said, notice, after FROM questions
WHERE workspace = :workspace AND channel = :channel AND name IN (SELECT value FROM json_each(:names))
AND said IS NOT NULL AND NOT private AND NOT notice
"""

TOLD = "SELECT * FROM told WHERE workspace = :workspace AND channel = :channel AND thread = :thread"


class SqliteThreads:
    """Keeps the protocol `Threads`."""

    def __init__(self, connection: DatabaseThread, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def thread(self, key: ThreadKey, branch: str | None = None) -> Thread:
        return await self._connection.unit(lambda db: _thread(db, key, branch))

    async def refresh(self, thread: Thread, history: History) -> None:
        await self._connection.unit(lambda db: refresh(db, thread, history, self._clock()))

    async def gap(self, platform: str, workspaces: Iterable[str] = ()) -> None:
        await self._connection.unit(lambda db: gap(db, platform, workspaces))

    async def remember_names(self, key: ThreadKey, told: SpeakerNames) -> SpeakerNames:
        return await self._connection.unit(lambda db: _tell(db, key, told))

    async def search(self, workspace: str, channel: str, words: str, limit: int = 20) -> list[Message]:
        return await self._connection.unit(lambda db: _search(db, workspace, channel, words, limit))

    async def forget(self, scope: Scope) -> int:
        count = await self._connection.unit(lambda db: forget(db, scope, self._clock()))
        self._connection.sweep_soon()
        return count


def _thread(db: Database, key: ThreadKey, branch: str | None) -> Thread:
    row = standing(db, key)
    messages, replies = _whole(db, key) if branch is None else _branch(db, key, branch)
    return Thread(
        key=key,
        messages=messages,
        told=_told(db, key),
        cold=row is None or row["read_gap"] is None or row["read_gap"] < row["gap"],
        replies=replies,
        gap=row["gap"] if row else 0,
    )


def _whole(db: Database, key: ThreadKey) -> tuple[tuple[Message, ...], dict[str, FinalText]]:
    messages = tuple(message_of(row) for row in many(db, MESSAGES, place(key)))
    return messages, _replies(many(db, REPLIES, place(key)))


def _branch(db: Database, key: ThreadKey, branch: str) -> tuple[tuple[Message, ...], dict[str, FinalText]]:
    names = {**place(key), "names": json.dumps(sorted(branch_of(db, key, branch)))}
    messages = tuple(message_of(row) for row in many(db, BRANCH_MESSAGES, names))
    answered = {message.answers for message in messages}
    return messages, _replies(row for row in many(db, BRANCH_REPLIES, names) if row["name"] in answered)


def _replies(rows: Iterable[Row]) -> dict[str, FinalText]:
    return {row["name"]: said for row in rows if (said := said_of(row))}


def _tell(db: Database, key: ThreadKey, told: SpeakerNames) -> SpeakerNames:
    if ours(db, key):
        rows = [("person", *name) for name in told.names.items()]
        rows += [("attachment", *words) for words in told.attachments.items()]
        db.table("told").insert_all(
            [
                {**place(key), "kind": kind, "subject": subject, "words": clean_text(words)}
                for kind, subject, words in rows
            ],
            ignore=True,
        )
    return _told(db, key)


def _told(db: Database, key: ThreadKey) -> SpeakerNames:
    words: dict[str, dict[str, str]] = {"person": {}, "attachment": {}}
    for row in many(db, TOLD, place(key)):
        words[row["kind"]][row["subject"]] = row["words"]
    return SpeakerNames(names=words["person"], attachments=words["attachment"])


def _search(db: Database, workspace: str, channel: str, words: str, limit: int) -> list[Message]:
    # Database.quote_fts lets a quotation mark before a line break through.
    query = " ".join(f'"{word}"' for word in clean_text(words).replace('"', " ").split())
    if not query:
        return []
    rows = db.table("messages").search(
        query,
        where="workspace = :workspace AND channel = :channel AND NOT private AND deleted_at IS NULL",
        where_args={"workspace": workspace, "channel": channel},
        limit=limit,
    )
    return [message_of(row) for row in rows]
