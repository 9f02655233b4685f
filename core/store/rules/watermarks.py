"""What may have been missed: how far each workspace was heard, and where to look after a gap."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlite_utils import Database

from core.domain.events import MissedRange
from core.domain.messages import ThreadKey
from core.store.rules.moments import moment, stamp
from core.store.sqlite.connection import Row

STEP = timedelta(seconds=5)  # a workspace's mark is moved no more often, so that events cost no write of their own
MOST = 100  # threads of a workspace that are looked through

HEARD = """
INSERT INTO workspaces (workspace, heard_at) VALUES (:workspace, :at)
ON CONFLICT (workspace) DO UPDATE SET heard_at = excluded.heard_at
WHERE workspaces.heard_at IS NULL OR workspaces.heard_at < :before
"""

CONCERNED = """
SELECT workspace, coalesce(behind_at, heard_at) AS since FROM workspaces
WHERE heard_at IS NOT NULL AND (workspace IN (SELECT value FROM json_each(:names))
    OR (:names = '[]' AND substr(workspace, 1, length(:prefix)) = :prefix))
ORDER BY workspace
"""

BEHIND = "UPDATE workspaces SET behind_at = :since WHERE workspace = :workspace"

CAUGHT_UP = "UPDATE workspaces SET behind_at = NULL WHERE workspace = ?"

LIVELIEST = """
SELECT workspace, channel, thread FROM threads WHERE workspace = :workspace AND NOT private
ORDER BY (
    SELECT max(messages.at) FROM messages WHERE messages.workspace = threads.workspace
    AND messages.channel = threads.channel AND messages.thread = threads.thread
) DESC LIMIT :most
"""


def heard(db: Database, workspace: str, at: datetime) -> None:
    """Something that was said at that time has been told to us."""
    db.execute(HEARD, {"workspace": workspace, "at": stamp(at), "before": stamp(at - STEP)})


def missed(db: Database, platform: str, workspaces: Iterable[str], now: datetime) -> tuple[MissedRange, ...]:
    """What a gap leaves to look for. Until `caught_up` the next gap tells the same, whatever is heard meanwhile.

    Of a workspace that was never heard nothing is known: it is heard from now on.
    """
    names = sorted(workspaces)
    rows = list(db.query(CONCERNED, {"names": json.dumps(names), "prefix": f"{platform}:"}))
    for row in rows:
        db.execute(BEHIND, row)
    for name in set(names) - {row["workspace"] for row in rows}:
        heard(db, name, now)
    return tuple(_missed(db, row) for row in rows)


def caught_up(db: Database, workspace: str) -> None:
    db.execute(CAUGHT_UP, [workspace])


def _missed(db: Database, row: Row) -> MissedRange:
    threads = db.query(LIVELIEST, {"workspace": row["workspace"], "most": MOST})
    keys = tuple(ThreadKey(one["workspace"], one["channel"], one["thread"]) for one in threads)
    return MissedRange(row["workspace"], moment(row["since"]), keys)
