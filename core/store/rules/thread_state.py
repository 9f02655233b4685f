"""How a thread stands: whether it is ours, and whether it is cold."""

from collections.abc import Iterable
from datetime import datetime

from sqlite_utils import Database

from core.domain.messages import ThreadKey
from core.store.rules.moments import stamp
from core.store.rules.question_rows import place
from core.store.sqlite.connection import Row, one
from core.store.sqlite.rows import insert

STANDING = """
SELECT threads.private, threads.read_gap, workspaces.gap FROM threads JOIN workspaces USING (workspace)
WHERE threads.workspace = :workspace AND threads.channel = :channel AND threads.thread = :thread
"""

WARM = """
UPDATE threads SET read_gap = max(coalesce(read_gap, 0), :gap)
WHERE workspace = :workspace AND channel = :channel AND thread = :thread
"""

GAP_IN_SOME = "UPDATE workspaces SET gap = gap + 1 WHERE workspace = ?"

GAP_IN_ALL = "UPDATE workspaces SET gap = gap + 1 WHERE substr(workspace, 1, length(:prefix)) = :prefix"


def standing(db: Database, key: ThreadKey) -> Row | None:
    """Its row, if it is ours; it is cold if `read_gap` is none or behind `gap`."""
    return one(db, STANDING, place(key))


def ours(db: Database, key: ThreadKey) -> bool:
    return standing(db, key) is not None


def begin(db: Database, key: ThreadKey, at: datetime, private: bool) -> None:
    """From here on the thread is ours, and cold until it is read."""
    insert(db, "workspaces", {"workspace": key.workspace}, ignore=True)
    insert(db, "threads", {**place(key), "begun_at": stamp(at), "private": private}, ignore=True)


def warm(db: Database, key: ThreadKey, gap: int) -> None:
    """It was read after gap number `gap`."""
    db.execute(WARM, {**place(key), "gap": gap})


def gap(db: Database, platform: str, workspaces: Iterable[str]) -> None:
    """Threads of these workspaces are cold from here back; of all of the platform's, if none is named."""
    names = list(workspaces)
    for name in names:
        db.execute(GAP_IN_SOME, [name])
    if not names:
        db.execute(GAP_IN_ALL, {"prefix": f"{platform}:"})
