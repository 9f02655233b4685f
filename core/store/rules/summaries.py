"""Summaries of what is cut from long threads: words about a thread, which go with any message that they tell."""

import json
from collections.abc import Mapping, Sequence

from core.domain.messages import Message, ThreadKey, clean_text
from core.store.places.advisory_locks import lock_channel
from core.store.rules.questions import thread_values
from core.store.rules.threads import is_tracked
from core.store.sql_port import Engine, Row, Sql, stamp

SUMMARY = "summary"  # the kind of words about a thread

KEPT = """
SELECT message, text, attachments, quotes, edited_at, deleted_at FROM messages
WHERE workspace = :workspace AND channel = :channel AND {named}
"""

KEEP = """
INSERT INTO told (workspace, channel, thread, kind, subject, words)
VALUES (:workspace, :channel, :thread, 'summary', :digest, :words) ON CONFLICT DO NOTHING
"""

TELL = """
INSERT INTO summarized (workspace, channel, thread, digest, message)
SELECT workspace, channel, CAST(:thread AS TEXT), CAST(:digest AS TEXT), message FROM messages
WHERE workspace = :workspace AND channel = :channel AND {named} ON CONFLICT DO NOTHING
"""

WITH_MESSAGE = """
SELECT thread, digest FROM summarized WHERE workspace = :workspace AND channel = :channel AND message = :message
"""

SUMMARIES = """
SELECT subject, words FROM told
WHERE kind = 'summary' AND workspace = :workspace AND channel = :channel AND thread = :thread
"""

DROP_WORDS = """
DELETE FROM told WHERE kind = 'summary' AND subject = :digest
AND workspace = :workspace AND channel = :channel AND thread = :thread
"""

DROP_LINKS = """
DELETE FROM summarized
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND digest = :digest
"""

DROP_ALL_WORDS = "DELETE FROM told WHERE kind = 'summary' AND workspace = :workspace AND {where}"
DROP_ALL_LINKS = "DELETE FROM summarized WHERE workspace = :workspace AND {where}"


def keep_summary(sql: Sql, key: ThreadKey, digest: str, words: str, told: Sequence[Message]) -> dict[str, str]:
    """Keep what sums up these messages of a tracked thread, unless one of them is another by now; the first one wins.

    All summaries of the thread that are kept, by the digests of their steps.
    """
    lock_channel(sql, key.workspace, key.channel)
    values = {**thread_values(key), "digest": digest, "names": sorted(message.id for message in told)}
    named = sql.among("message", "names")
    rows = {row["message"]: row for row in sql.many(KEPT.format(named=named), values)}
    standing = all(one.id in rows and _stands(rows[one.id], one) for one in told)
    if standing and is_tracked(sql, key):
        _keep(sql, key, values, named, words)
    return {row["subject"]: row["words"] for row in sql.many(SUMMARIES, values)}


def _keep(sql: Sql, key: ThreadKey, values: Row, named: str, words: str) -> None:
    if sql.count_changes(KEEP, {**thread_values(key), "digest": values["digest"], "words": clean_text(words)}):
        sql.execute(TELL.format(named=named), values)


def _stands(row: Row, message: Message) -> bool:
    """Whether a message says what it said when it was read."""
    if (
        row["deleted_at"]
        or row["text"] != message.text
        or row["edited_at"] != (message.edited and stamp(message.edited))
    ):
        return False
    attached, quoted = json.loads(row["attachments"]), json.loads(row["quotes"])
    same = [one["id"] for one in attached] == [one.id for one in message.attachments]
    return same and [one["text"] for one in quoted] == [one.text for one in message.quotes]


def drop_summaries_of(sql: Sql, row: Row) -> None:
    """A message is another, or gone: no summary that tells it is left."""
    for found in sql.many(WITH_MESSAGE, row):
        values = {**row, **found}
        sql.execute(DROP_WORDS, values)
        sql.execute(DROP_LINKS, values)


def drop_all_summaries(sql: Sql, workspace: str, channel: str | None) -> int:
    """Something was forgotten: no summary is left of the channel, or without one of the workspace. How many."""
    where = "channel = :channel" if channel is not None else "TRUE"
    values = {"workspace": workspace, "channel": channel}
    sql.execute(DROP_ALL_LINKS.format(where=where), values)
    return sql.count_changes(DROP_ALL_WORDS.format(where=where), values)


class SummaryRepository:
    """Keeps the protocol `Summaries`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def keep(self, key: ThreadKey, digest: str, words: str, told: Sequence[Message]) -> Mapping[str, str]:
        return await self._engine.unit(lambda sql: keep_summary(sql, key, digest, words, told))
