"""Threads as rows: tracked or not, stale or fresh."""

from collections.abc import Iterable

from core.domain.messages import ThreadKey
from core.store.rules.questions import READ_AGAIN, thread_values
from core.store.sql_port import Row, Sql, stamp

ROW = """
SELECT threads.private, threads.read_gap, workspaces.gap FROM threads
JOIN workspaces ON workspaces.workspace = threads.workspace
WHERE threads.workspace = :workspace AND threads.channel = :channel AND threads.thread = :thread
"""

FRESH = """
UPDATE threads SET read_gap = CASE WHEN read_gap > :gap THEN read_gap ELSE :gap END
WHERE workspace = :workspace AND channel = :channel AND thread = :thread
"""

GAP = "UPDATE workspaces SET gap = gap + 1 WHERE {concerned}"


def find_thread(sql: Sql, key: ThreadKey) -> Row | None:
    """The thread's row, if it is tracked; it is stale if `read_gap` is none or behind `gap`."""
    return sql.one(ROW, thread_values(key))


def is_tracked(sql: Sql, key: ThreadKey) -> bool:
    return find_thread(sql, key) is not None


def track_thread(sql: Sql, key: ThreadKey, private: bool) -> None:
    """From here on the thread is tracked, and stale until it is read."""
    sql.insert_new("workspaces", {"workspace": key.workspace})
    sql.insert_new("threads", {**thread_values(key), "begun_at": stamp(sql.now()), "private": private})


def mark_fresh(sql: Sql, key: ThreadKey, generation: int) -> None:
    """The thread was read after gap number `generation`."""
    sql.execute(FRESH, {**thread_values(key), "gap": generation})


def mark_stale(sql: Sql, key: ThreadKey) -> None:
    """The thread must be read again."""
    sql.execute(READ_AGAIN, thread_values(key))


def mark_workspaces_stale(sql: Sql, platform: str, workspaces: Iterable[str]) -> None:
    """Threads of these workspaces are stale from here back; of all of the platform's, if none is named."""
    names = sorted(workspaces)
    concerned = sql.among("workspace", "names") if names else "platform = :platform"
    sql.execute(GAP.format(concerned=concerned), {"names": names, "platform": platform})
