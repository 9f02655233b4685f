"""Units of work: each happens as a whole or not at all, also among others in one transaction."""

import asyncio
from collections.abc import Callable
from typing import Any

from sqlite_utils import Database


class Unit:
    """Work for the thread that owns the database, and what whoever asked for it is told."""

    def __init__(self, work: Callable[[Database], Any], answered: asyncio.Future[Any]) -> None:
        self.answered = answered
        self._work = work
        self._result: Any = None
        self._error: Exception | None = None

    def do(self, db: Database) -> None:
        """Do it inside the open transaction, unless nobody waits for it. Raises what ended the transaction of all."""
        if self.answered.cancelled():
            return
        db.execute("SAVEPOINT unit")
        try:
            self._result = self._work(db)
        except Exception as error:
            if not db.conn.in_transaction:
                raise
            db.execute("ROLLBACK TO unit")
            self._error = error
        db.execute("RELEASE unit")

    def fail(self, error: Exception) -> None:
        """It did not happen."""
        self._error = error

    def tell(self, named: Callable[[Exception], Exception]) -> None:
        """On the loop: the result, or the error under the name that callers know. Nobody may wait for it any more."""
        if self.answered.done():
            return
        if self._error is None:
            self.answered.set_result(self._result)
        else:
            error = named(self._error)
            error.__cause__ = None if error is self._error else self._error
            self.answered.set_exception(error)
