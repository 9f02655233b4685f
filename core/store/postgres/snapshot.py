"""The rows of a database at one moment, while others go on writing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from core.domain.errors import StoreUnusable
from core.store.postgres.connection import connect
from core.store.postgres.problems import explain, name_database
from core.store.postgres.schema import read_migrations
from core.store.protocols import ReadRows
from core.store.sql_port import Unfit

AT_ONCE = 2_000  # rows in memory
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


@contextmanager
def open_snapshot(url: str) -> Iterator[ReadRows]:
    """A function that gives the rows of a table, all of one moment. Raises StoreUnusable."""
    try:
        with connect(url) as connection, connection.transaction():
            connection.execute(ONE_MOMENT)
            if read_migrations(connection) is None:
                raise Unfit("it is not Confab's yet; see DATABASE_URL")

            def read(table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
                chosen = sql.SQL(", ").join(map(sql.Identifier, columns))
                with connection.cursor(f"copy_{table}") as cursor:
                    cursor.itersize = AT_ONCE
                    yield from cursor.execute(sql.SQL("SELECT {} FROM {}").format(chosen, sql.Identifier(table)))

            yield read
    except (psycopg.Error, Unfit) as error:
        raise StoreUnusable(f"The database {name_database(url)} cannot be copied: {explain(error)}.") from error
