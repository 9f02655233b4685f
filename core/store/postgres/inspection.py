"""The condition of a PostgreSQL database: what can be told of it without making or changing anything."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import Connection, errors

from core.domain.clock import system_clock
from core.domain.controls import Votes
from core.domain.errors import StoreUnusable
from core.store.places.budgets import list_zones
from core.store.places.key_values import list_server_notes
from core.store.places.personas import list_models
from core.store.places.shards.leases import list_overviews
from core.store.postgres.connection import connect
from core.store.postgres.problems import FOREIGN, MENDS, explain, name_database
from core.store.postgres.schema import NAMES, ensure_fit, read_migrations
from core.store.postgres.sql_adapter import PostgresSql
from core.store.records.files import WaitingDeletions
from core.store.records.jobs import WaitingBatches
from core.store.records.reports.condition import Condition, Server
from core.store.rules.feedback import count_all_votes
from core.store.rules.file_deletions import count_deletions
from core.store.rules.installations import list_installations
from core.store.rules.jobs.batches import count_waiting
from core.store.rules.parking import count_open
from core.store.sql_port import Unfit

MAY = """
SELECT current_schema() IS NOT NULL,
NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off',
has_schema_privilege(current_schema(), 'CREATE'), to_regclass('messages') IS NULL
"""

ABOUT = "SELECT current_setting('server_version'), pg_database_size(current_database())"

CLOCK = "SELECT clock_timestamp()"
ROUND_TRIPS = 5  # of which the fastest counts: the others waited for something else than the distance


def inspect_database(url: str, busy: timedelta) -> Condition:
    """The condition of the database of `url`. Raises StoreUnusable if it can't be reached, read and written."""
    name = name_database(url)
    try:
        with connect(url) as connection, connection.transaction():  # whose end takes the limit away
            connection.execute(f"SET LOCAL statement_timeout = {busy // timedelta(milliseconds=1)}")
            return _inspect(name, connection)
    except (psycopg.Error, Unfit) as error:
        raise StoreUnusable(f"The database {name} cannot be used: {explain(error)}.") from error


def _inspect(name: str, connection: Connection[Any]) -> Condition:
    ensure_fit(connection)
    latency, ahead = min(_measure_distance(connection) for _ in range(ROUND_TRIPS))
    version, size = connection.execute(ABOUT).fetchone() or ("", 0)
    placed, writable, allowed, empty = connection.execute(MAY).fetchone() or (False,) * 4
    for holds, kind in (
        (placed, errors.InvalidSchemaName),
        (writable, errors.ReadOnlySqlTransaction),
        (allowed, errors.InsufficientPrivilege),
    ):
        if not holds:
            raise Unfit(MENDS[kind])
    server = Server(f"PostgreSQL {version}", latency, ahead)
    had = read_migrations(connection)
    if had is None and not empty:
        raise Unfit(FOREIGN)
    if had is None:
        return Condition(name, newest=len(NAMES), server=server)
    sql = PostgresSql(connection, system_clock)
    (count, oldest), models = count_open(sql, parks="tools" in had), tuple(list_models(sql))
    votes = count_all_votes(sql) if "controls" in had else Votes()
    deletions = count_deletions(sql) if "files" in had else WaitingDeletions()
    batches = count_waiting(sql) if "jobs" in had else WaitingBatches()
    found = Condition(name, len(had), len(NAMES), bytes=size, waiting=count, oldest=oldest, models=models)
    found = replace(found, zones=tuple(list_zones(sql)))
    found = replace(found, installations=list_installations(sql) if "installations" in had else ())
    found = replace(found, server=server, votes=votes, deletions=deletions, batches=batches)
    return replace(found, notes=list_server_notes(sql), shards=list_overviews(sql) if "shards" in had else {})


def _measure_distance(connection: Connection[Any]) -> tuple[timedelta, timedelta]:
    """How long one round trip takes, and how far the server's clock is ahead of this machine's."""
    before, began = system_clock(), time.monotonic()
    (at,) = connection.execute(CLOCK).fetchone() or (before,)
    latency = timedelta(seconds=time.monotonic() - began)
    return latency, at - (before + latency / 2)
