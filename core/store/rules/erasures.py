"""Erasures: what must not come back, what still quotes it, and what is not cleared out of the database's files yet."""

from collections.abc import Iterable
from datetime import datetime

from core.billing.ledger_rows import Scope
from core.domain.messages import ThreadKey
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

READERS = """
SELECT workspace, channel, name FROM questions WHERE outcome IS NULL AND workspace = :workspace AND {where} AND EXISTS (
    SELECT 1 FROM tool_calls WHERE tool_calls.workspace = questions.workspace
    AND tool_calls.channel = questions.channel AND tool_calls.question = questions.name AND NOT tool_calls.acts
)
"""

DELETE_READ = """
DELETE FROM tool_calls WHERE workspace = :workspace AND channel = :channel AND question = :name AND NOT acts
"""

DROP_STEPS = """
UPDATE requests SET content = NULL
WHERE workspace = :workspace AND channel = :channel AND question = :name AND content IS NOT NULL
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


def erase_read_results(sql: Sql, workspace: str, channel: str | None) -> None:
    """Something said in a channel is gone: no open answer there keeps what its tools read before.

    What they read may quote it, and so may what Claude made of that. The next process that goes on with such an answer
    asks Claude anew, which is told what acted. Without a channel, of all the workspace.
    """
    values = {"workspace": workspace, "channel": channel}
    for row in sql.many(READERS.format(where="channel = :channel" if channel is not None else "TRUE"), values):
        sql.execute(DELETE_READ, row)
        sql.execute(DROP_STEPS, row)
