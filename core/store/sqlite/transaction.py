"""A transaction: the one place where a unit of work begins and ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """All of it or nothing; `atomic()` inside it is a savepoint.

    It begins as a writer: a reader that wants to write after another process has written fails at once.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
