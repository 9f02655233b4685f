"""A database that was moved away, read as it stood then: what is brought up to date for that is taken back."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

from core.store.sqlite.connection import DatabaseThread


class PictureThread(DatabaseThread):
    """All units of work are in one transaction, which never commits: also what an older version wrote can be read."""

    def _ensure_unmoved(self) -> None:
        """It was moved."""

    @contextmanager
    def _transact(self, db: Database) -> Iterator[None]:
        if not db.conn.in_transaction:
            db.execute("BEGIN IMMEDIATE")
        with db.atomic():
            yield
