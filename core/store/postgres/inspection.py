"""The condition of a PostgreSQL database: what can be told of it without making or changing anything."""

import time
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import Connection

from core.domain.clock import system_clock
from core.domain.errors import StoreUnusable
from core.store.postgres.connection import connect
from core.store.postgres.problems import explain, name_database
from core.store.postgres.schema import NAMES, read_migrations
from core.store.postgres.sql_adapter import PostgresSql
from core.store.protocols import Condition, Server
from core.store.rules.personas import list_models
from core.store.rules.questions import count_open
from core.store.sql_port import Unfit

OLDEST = 140000  # server_version_num of the first release that knows all that we ask

MAY = """
SELECT has_schema_privilege(current_schema(), 'CREATE') AND NOT pg_is_in_recovery()
AND current_setting('default_transaction_read_only') = 'off'
"""

ABOUT = """
SELECT current_setting('server_version'), current_setting('server_version_num')::integer, clock_timestamp(),
pg_database_size(current_database())
"""


def inspect_database(url: str, busy: timedelta) -> Condition:
    """The condition of the database of `url`. Raises StoreUnusable if it can't be reached, read and written."""
    name = name_database(url)
    try:
        with connect(url) as connection:
            connection.execute(f"SET statement_timeout = {busy // timedelta(milliseconds=1)}")
            return _inspect(name, connection)
    except (psycopg.Error, Unfit) as error:
        raise StoreUnusable(f"The database {name} cannot be used: {explain(error)}.") from error


def _inspect(name: str, connection: Connection[Any]) -> Condition:
    before, began = system_clock(), time.monotonic()
    version, number, at, size = connection.execute(ABOUT).fetchone() or ("", 0, before, 0)
    latency = timedelta(seconds=time.monotonic() - began)
    if number < OLDEST:
        raise Unfit(f"it is PostgreSQL {version}; 14 or newer is needed")
    if connection.execute(MAY).fetchone() != (True,):
        raise Unfit("it cannot be written; name the primary server, and let this user create tables in its schema")
    server = Server(f"PostgreSQL {version}", latency, at - (before + latency / 2))
    had = read_migrations(connection)
    if had is None:
        return Condition(name, newest=len(NAMES), server=server)
    sql = PostgresSql(connection, system_clock)
    (count, oldest), models = count_open(sql), tuple(list_models(sql))
    return Condition(name, len(had), len(NAMES), bytes=size, waiting=count, oldest=oldest, models=models, server=server)
