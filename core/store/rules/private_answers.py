"""Private answers that may be posted: kept for a day, and no longer than what they may quote."""

import json
from collections.abc import Iterable
from datetime import timedelta

from core.domain.messages import MESSAGE, ThreadKey
from core.store.rules.erasures import record_erasure
from core.store.rules.questions import erase_calls, thread_values
from core.store.sql_port import Row, Sql, stamp

POSTABLE_FOR = timedelta(days=1)  # that a private answer may be posted, and what was tried for it kept

IN_CHANNEL = "workspace = :workspace AND channel = :channel"
IN_WORKSPACE = "workspace = :workspace"

KEPT = """
SELECT id, name, workspace, channel, command, options FROM questions
WHERE private AND said IS NOT NULL AND outcome IS NOT NULL AND {which}
"""

UNDER_WAY = """
SELECT id, command, options FROM questions WHERE private AND outcome IS NULL AND unpostable IS NOT TRUE AND {which}
"""

# Also of answers that were posted.
OLD_DRAFTS = """
SELECT id, workspace, channel FROM questions WHERE draft IS NOT NULL AND outcome IS NOT NULL AND at <= :until
"""


def drop_private_answers(sql: Sql, workspace: str, channel: str | None) -> None:
    """Something of a channel, or of all the workspace, is forgotten: no private answer there may be posted any more."""
    values = {"workspace": workspace, "channel": channel}
    which = IN_WORKSPACE if channel is None else IN_CHANNEL
    _drop(sql, sql.many(KEPT.format(which=which), values))
    _keep_unpostable(sql, sql.many(UNDER_WAY.format(which=which), values))


def drop_answers_with(sql: Sql, key: ThreadKey, message: str) -> None:
    """A message is gone: no private answer that may quote it may be posted any more.

    Those are the answers about it, and those to the channel's commands, for which much of the channel was read.
    """
    values = thread_values(key)
    _drop(sql, (row for row in sql.many(KEPT.format(which=IN_CHANNEL), values) if _may_quote(row, message)))
    growing = sql.many(UNDER_WAY.format(which=IN_CHANNEL), values)
    _keep_unpostable(sql, (row for row in growing if _may_quote(row, message)))


def drop_old_answers(sql: Sql) -> None:
    """Keep no private answer any more that was closed a day ago, nor what was tried that long ago."""
    until = stamp(sql.now() - POSTABLE_FOR)
    _drop(sql, sql.many(KEPT.format(which="closed_at <= :until"), {"until": until}))
    for row in sql.many(OLD_DRAFTS, {"until": until}):
        sql.update("questions", row["id"], {"draft": None})
        record_erasure(sql, row["workspace"], row["channel"], sql.now())


def _may_quote(row: Row, message: str) -> bool:
    return row["command"] is not None or json.loads(row["options"]).get(MESSAGE) == message


def _drop(sql: Sql, rows: Iterable[Row]) -> None:
    for row in rows:
        sql.update("questions", row["id"], {"said": None, "cut": None, "made": None, "draft": None, "options": "{}"})
        erase_calls(sql, row)
        record_erasure(sql, row["workspace"], row["channel"], sql.now())


def _keep_unpostable(sql: Sql, rows: Iterable[Row]) -> None:
    """What is being answered now is shown to its asker, and not kept."""
    for row in rows:
        sql.update("questions", row["id"], {"unpostable": True})
