"""Pauses: how questions of a workspace came and were followed, as counts. They tell nothing of anybody."""

from core.billing.cache_lifetimes import Pause, PauseHistogram, PauseRecord
from core.store.sql_port import Sql

COUNT = """
INSERT INTO pauses (workspace, came, followed, count) VALUES (:workspace, :came, :followed, 1)
ON CONFLICT (workspace, came, followed) DO UPDATE SET count = pauses.count + 1
"""

ALL = "SELECT came, followed, count FROM pauses WHERE workspace = :workspace"

ASKED = ""  # how the next one followed: not known of the question itself


def count_pause(sql: Sql, workspace: str, record: PauseRecord) -> None:
    """Count a question, and that it followed the one before it."""
    sql.execute(COUNT, {"workspace": workspace, "came": record.came, "followed": ASKED})
    if record.before is not None:
        sql.execute(COUNT, {"workspace": workspace, "came": record.before, "followed": record.came})


def read_pauses(sql: Sql, workspace: str) -> PauseHistogram:
    rows = sql.many(ALL, {"workspace": workspace})
    asked = {Pause(row["came"]): row["count"] for row in rows if row["followed"] == ASKED}
    followed = {Pause(row["came"]): row["count"] for row in rows if row["followed"] == Pause.MIDDLE}
    return PauseHistogram(asked, followed)
