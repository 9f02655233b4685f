"""What must not come back, and what was erased but is not swept out of the file yet."""

from datetime import datetime

from sqlite_utils import Database

from core.billing.usage import Scope
from core.domain.messages import ThreadKey
from core.store.rules.moments import stamp

CONCERNS = """
SELECT person, at FROM forgotten
WHERE workspace = :workspace AND coalesce(channel, :channel) = :channel AND coalesce(thread, :thread) = :thread
"""

AGAIN = """
UPDATE forgotten SET at = max(at, :at)
WHERE workspace = :workspace AND channel IS :channel AND thread IS :thread AND person IS :person
"""


class Forgotten:
    """What was forgotten of one thread."""

    def __init__(self, db: Database, key: ThreadKey) -> None:
        place = {"workspace": key.workspace, "channel": key.channel, "thread": key.thread}
        self._until: list[tuple[str | None, str]] = db.execute(CONCERNS, place).fetchall()

    def covers(self, person: str, at: datetime) -> bool:
        """Whether what `person` said at that time must not be kept."""
        return any(whose in (None, person) and stamp(at) <= until for whose, until in self._until)


def remember(db: Database, scope: Scope, at: datetime) -> None:
    """Nothing of `scope` that was said until `at` is kept again."""
    place = {"workspace": scope.workspace, "channel": scope.channel, "thread": scope.thread, "person": scope.person}
    if not db.execute(AGAIN, {**place, "at": stamp(at)}).rowcount:
        db.table("forgotten").insert({**place, "at": stamp(at)})


def erased(db: Database, workspace: str, channel: str | None, at: datetime) -> None:
    """Text was erased: the next sweep clears what is left of it in the file."""
    db.table("erasures").insert({"workspace": workspace, "channel": channel, "at": stamp(at)})
