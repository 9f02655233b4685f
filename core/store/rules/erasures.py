"""Erasures: what must not come back, and what was erased but is not cleared out of the database's files yet."""

import json
from collections.abc import Iterable
from datetime import datetime

from core.billing.ledger_rows import Scope
from core.domain.messages import MESSAGE, ThreadKey
from core.store.sql_port import Row, Sql, Values, stamp

CONCERNS = """
SELECT person, at FROM forgotten
WHERE workspace = :workspace AND coalesce(channel, :channel) = :channel AND coalesce(thread, :thread) = :thread
"""

AGAIN = """
UPDATE forgotten SET at = CASE WHEN at > :at THEN at ELSE :at END
WHERE workspace = :workspace AND channel IS NOT DISTINCT FROM :channel AND thread IS NOT DISTINCT FROM :thread
AND person IS NOT DISTINCT FROM :person
"""

# Private answers about a message that may still be posted.
POSTABLE = """
SELECT id, workspace, channel, options FROM questions
WHERE private AND said IS NOT NULL AND outcome IS NOT NULL AND {which}
"""


class Forgotten:
    """What was forgotten of one thread, out of the rows that `build_forgotten_query` finds."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._until = [(row["person"], row["at"]) for row in rows]

    def covers(self, person: str, at: datetime) -> bool:
        """Whether what `person` said at that time must not be kept."""
        return any(author in (None, person) and stamp(at) <= until for author, until in self._until)


def find_forgotten(sql: Sql, key: ThreadKey) -> Forgotten:
    return Forgotten(sql.many(*build_forgotten_query(key)))


def build_forgotten_query(key: ThreadKey) -> tuple[str, Values]:
    """What `find_forgotten` asks."""
    return CONCERNS, {"workspace": key.workspace, "channel": key.channel, "thread": key.thread}


def record_forgotten(sql: Sql, scope: Scope, at: datetime) -> None:
    """Nothing of `scope` that was said until `at` is kept again."""
    row = {
        "workspace": scope.workspace,
        "channel": scope.channel,
        "thread": scope.thread,
        "person": scope.person,
        "at": stamp(at),
    }
    if not sql.count_changes(AGAIN, row):
        sql.insert("forgotten", row)


def record_erasure(sql: Sql, workspace: str, channel: str | None, at: datetime) -> None:
    """Text was erased: the next sweep clears what is left of it in the files."""
    sql.insert("erasures", {"workspace": workspace, "channel": channel, "at": stamp(at)})


def drop_private_answers(sql: Sql, until: datetime) -> None:
    """Keep no private answer any more that was closed until then."""
    _drop_postable(sql, sql.many(POSTABLE.format(which="closed_at <= :until"), {"until": stamp(until)}))


def drop_answers_about(sql: Sql, key: ThreadKey, message: str) -> None:
    """Keep no private answer any more about a message of the channel, which is gone."""
    place = "workspace = :workspace AND channel = :channel"
    rows = sql.many(POSTABLE.format(which=place), {"workspace": key.workspace, "channel": key.channel})
    _drop_postable(sql, (row for row in rows if json.loads(row["options"]).get(MESSAGE) == message))


def _drop_postable(sql: Sql, rows: Iterable[Row]) -> None:
    for row in rows:
        sql.update("questions", row["id"], {"said": None, "options": "{}"})
        record_erasure(sql, row["workspace"], row["channel"], sql.now())
