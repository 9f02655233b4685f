"""Units of work: each happens as a whole or not at all, also among others in one transaction."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlite_utils import Database

from core.store.sql_port import Sql


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """A transaction: all of it or nothing; `atomic()` inside it is a savepoint.

    It begins as a writer: a reader that wants to write after another process has written fails at once.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


class Unit:
    """Work for the thread that owns the database, and the future of the caller."""

    def __init__(self, work: Callable[[Sql], Any], answered: asyncio.Future[Any]) -> None:
        self.answered = answered
        self._work = work
        self._result: Any = None
        self._error: Exception | None = None

    def do(self, db: Database, sql: Sql, *, first: bool = False) -> None:
        """Do it inside the open transaction, unless nobody waits for it. Raises what ended the transaction of all.

        Before the first there is nothing to be kept: what fails it ends the transaction, which costs no savepoint.
        """
        if self.answered.cancelled():
            return
        if first:
            self._result = self._work(sql)
            return
        db.execute("SAVEPOINT unit")
        try:
            self._result = self._work(sql)
        except Exception as error:
            if not db.conn.in_transaction:
                raise
            db.execute("ROLLBACK TO unit")
            self._error = error
        db.execute("RELEASE unit")

    def fail(self, error: Exception) -> None:
        """It did not happen."""
        self._error = error

    def resolve(self, named: Callable[[Exception], Exception]) -> None:
        """On the loop: the result, or the error under the name that callers know. Nobody may wait for it any more."""
        if self.answered.done():
            return
        if self._error is None:
            self.answered.set_result(self._result)
        else:
            error = named(self._error)
            error.__cause__ = None if error is self._error else self._error
            self.answered.set_exception(error)
