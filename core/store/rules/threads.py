"""Threads as rows, tracked or not, stale or fresh; and watermarks: where backfill looks in a workspace after a gap."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from core.domain.events import MissedRange
from core.domain.messages import ThreadKey
from core.store.places.key_values import GET, put_note
from core.store.rules.questions import READ_AGAIN, thread_key, thread_values
from core.store.sql_port import Row, Sql, Values, parse_stamp, stamp

STEP = timedelta(seconds=5)  # a watermark is moved no more often, so that events cost no write of their own
MOST = 100  # threads of a workspace that are looked through

ROW = """
SELECT threads.private, threads.read_gap, workspaces.gap FROM threads
JOIN workspaces ON workspaces.workspace = threads.workspace
WHERE threads.workspace = :workspace AND threads.channel = :channel AND threads.thread = :thread
"""

FRESH = """
UPDATE threads SET read_gap = CASE WHEN read_gap > :gap THEN read_gap ELSE :gap END
WHERE workspace = :workspace AND channel = :channel AND thread = :thread
"""

SOON = timedelta(seconds=2)  # an event that comes later may have been missed before: a backfill takes longer to begin
YOUNG = timedelta(seconds=10)  # what was said longer ago is not on its way any more
PASSED = 50  # messages of a channel about which we remember that something was told before they came

WORKSPACE = "SELECT gap, heard_at, behind_at FROM workspaces WHERE workspace = :workspace"

OTHERS = """
SELECT 1 AS other FROM messages
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND message <> :message LIMIT 1
"""

GAP = "UPDATE workspaces SET gap = gap + 1 WHERE {concerned}"


HEARD = "SELECT heard_at FROM workspaces WHERE workspace = :workspace AND heard_at >= :before"

ADVANCE = """
INSERT INTO workspaces (workspace, heard_at) VALUES (:workspace, :at)
ON CONFLICT (workspace) DO UPDATE SET heard_at = excluded.heard_at
WHERE workspaces.heard_at IS NULL OR workspaces.heard_at < :before
"""

BEHIND = """
SELECT workspace, coalesce(behind_at, heard_at) AS since FROM workspaces
WHERE heard_at IS NOT NULL AND {concerned} ORDER BY workspace
"""

BEGIN = "UPDATE workspaces SET behind_at = :since WHERE workspace = :workspace"

END = "UPDATE workspaces SET behind_at = NULL WHERE workspace = :workspace"

LIVELIEST = """
SELECT workspace, channel, thread FROM threads WHERE workspace = :workspace AND NOT private
ORDER BY (
    SELECT max(messages.at) FROM messages WHERE messages.workspace = threads.workspace
    AND messages.channel = threads.channel AND messages.thread = threads.thread
) DESC NULLS LAST LIMIT :most
"""


def find_thread(sql: Sql, key: ThreadKey) -> Row | None:
    """The thread's row, if it is tracked; it is stale if `read_gap` is none or behind `gap`."""
    return sql.one(*build_thread_query(key))


def build_thread_query(key: ThreadKey) -> tuple[str, Values]:
    """What `find_thread` asks."""
    return ROW, thread_values(key)


def is_tracked(sql: Sql, key: ThreadKey) -> bool:
    return find_thread(sql, key) is not None


def track_thread(sql: Sql, key: ThreadKey, private: bool) -> None:
    """From here on the thread is tracked, and stale until it is read."""
    sql.insert_new("workspaces", {"workspace": key.workspace})
    sql.insert_new("threads", {**thread_values(key), "begun_at": stamp(sql.now()), "private": private})


def mark_fresh(sql: Sql, key: ThreadKey, generation: int) -> None:
    """The thread was read after gap number `generation`."""
    sql.execute(FRESH, {**thread_values(key), "gap": generation})


def mark_begun(sql: Sql, key: ThreadKey, message: str, at: datetime) -> None:
    """The thread was begun by this message just now, and is fresh where nothing else of it can have been missed.

    Not where the event came late, or out of order, or while it is looked for what a gap has left.
    """
    values = {**thread_values(key), "message": message}
    row, known, passed, others = (
        next(iter(rows), None)
        for rows in sql.many_each(
            (ROW, values), (WORKSPACE, values), (GET, {"name": _name_passed(key)}), (OTHERS, values)
        )
    )
    if row is None or known is None or row["read_gap"] is not None or known["behind_at"] is not None:
        return
    late = sql.now() - at > SOON or (known["heard_at"] is not None and known["heard_at"] > stamp(at))
    if late or others or message in _read_passed(passed):
        return
    mark_fresh(sql, key, known["gap"])


def note_passed(sql: Sql, key: ThreadKey, message: str, at: datetime | None = None) -> None:
    """Something was told about a message that may still be on its way, and was left out: an edit, a reply below it.

    When it was said may not be known. Its id is all that is kept.
    """
    if message and (at is None or sql.now() - at <= YOUNG):
        names = dict.fromkeys([*_read_passed(sql.one(GET, {"name": _name_passed(key)})), message])
        put_note(sql, _name_passed(key), json.dumps([*names][-PASSED:]))


def _read_passed(row: Row | None) -> list[str]:
    found: list[str] = json.loads(row["value"]) if row else []
    return found


def _name_passed(key: ThreadKey) -> str:
    return f"passed:{key.workspace}:{key.channel}"


def mark_stale(sql: Sql, key: ThreadKey) -> None:
    """The thread must be read again."""
    sql.execute(READ_AGAIN, thread_values(key))


def mark_workspaces_stale(sql: Sql, platform: str, workspaces: Iterable[str]) -> None:
    """Threads of these workspaces are stale from here back; of all of the platform's, if none is named."""
    names = sorted(workspaces)
    concerned = sql.among("workspace", "names") if names else "platform = :platform"
    sql.execute(GAP.format(concerned=concerned), {"names": names, "platform": platform})


def advance_watermark(sql: Sql, workspace: str, at: datetime) -> None:
    """Something that was said at that time has been received.

    Looked at before it is moved: a move that changes nothing would still keep others from the row.
    """
    (heard,) = sql.many_each(build_watermark_query(workspace, at))
    if not heard:
        move_watermark(sql, workspace, at)


def build_watermark_query(workspace: str, at: datetime) -> tuple[str, Values]:
    """The question whether the watermark is at least about there."""
    return HEARD, {"workspace": workspace, "before": stamp(at - STEP)}


def move_watermark(sql: Sql, workspace: str, at: datetime) -> None:
    sql.execute(ADVANCE, {"workspace": workspace, "at": stamp(at), "before": stamp(at - STEP)})


def begin_backfill(sql: Sql, platform: str, workspaces: Iterable[str]) -> tuple[MissedRange, ...]:
    """What a gap leaves to look for. Until `end_backfill` the next gap returns the same, whatever arrives meanwhile.

    Of a workspace without a watermark nothing is known: it has one from now on.
    """
    names = sorted(workspaces)
    concerned = sql.among("workspace", "names") if names else "platform = :platform"
    rows = sql.many(BEHIND.format(concerned=concerned), {"names": names, "platform": platform})
    for row in rows:
        sql.execute(BEGIN, row)
    for name in sorted(set(names) - {row["workspace"] for row in rows}):
        advance_watermark(sql, name, sql.now())
    return tuple(_read_range(sql, row) for row in rows)


def end_backfill(sql: Sql, workspace: str) -> None:
    """All that was missed has been looked for."""
    sql.execute(END, {"workspace": workspace})


def _read_range(sql: Sql, row: Row) -> MissedRange:
    threads = sql.many(LIVELIEST, {"workspace": row["workspace"], "most": MOST})
    return MissedRange(row["workspace"], parse_stamp(row["since"]), tuple(map(thread_key, threads)))
