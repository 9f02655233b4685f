"""The guard of a move's target: triggers that refuse what bots write there before all of it is there.

Bots that work there hold one table for reading while they wait for another. So a transaction here that has to wait for
a table lets go of all others soon, and begins again.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
from psycopg import Connection, errors, sql
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from core.store.postgres.schema import LOCK, read_move

NAME = "confab_moving"
FUNCTION = "CREATE OR REPLACE FUNCTION {guard}() RETURNS trigger LANGUAGE plpgsql AS $guard$ BEGIN {does} END $guard$"
REFUSE = """
    IF current_setting('confab.moves', true) IS DISTINCT FROM 'yes' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = {told};
    END IF;
    RETURN NULL;
"""
TRIGGER = """
CREATE OR REPLACE TRIGGER {guard} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {guard}()
"""
OURS = "SELECT set_config('confab.moves', 'yes', true)"
THERE = "SELECT oid FROM pg_proc WHERE proname = %s AND pronamespace = current_schema()::regnamespace"
GUARDED = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = %s"
BRIEF = "SELECT set_config('lock_timeout', '500', true)"  # milliseconds in which others wait behind us
PATIENCE = timedelta(seconds=10)
LEAVE = timedelta(seconds=1)  # after which what harms nobody is left where it is
PAUSES = wait_random_exponential(multiplier=0.05, max=0.5)  # seconds
HELD = (errors.LockNotAvailable, errors.DeadlockDetected)

log = logging.getLogger(__name__)


def set_guard(connection: Connection[Any], tables: Sequence[str], told: str) -> None:
    """Refuse with the words `told` what others write, once what they were writing has ended."""
    lock_tables(connection, tables, "SHARE ROW EXCLUSIVE")
    connection.execute(_compose(FUNCTION, does=sql.SQL(REFUSE).format(told=sql.Literal(told))))
    for table in tables:
        connection.execute(_compose(TRIGGER, table=sql.Identifier(table)))


def pass_guard(connection: Connection[Any]) -> None:
    """What this transaction writes is not refused."""
    connection.execute(OURS)


def disarm_guard(connection: Connection[Any]) -> None:
    """Refuse nothing from the end of this transaction on. It waits for nobody, whatever is locked."""
    connection.execute(_compose(FUNCTION, does=sql.SQL("RETURN NULL;")))


def drop_guard(connection: Connection[Any], patience: timedelta = LEAVE) -> None:
    """Take a disarmed guard away, table by table. Where somebody reads for longer than `patience`, it is left.

    Then it costs a call for each statement that writes, and goes when a bot opens the database.
    """
    try:
        (function,) = connection.execute(THERE, (NAME,)).fetchone() or (None,)
        if function is None:
            return
        for (table,) in connection.execute(GUARDED, (function,)).fetchall():
            drop = sql.SQL("DROP TRIGGER IF EXISTS {guard} ON " + table)  # as the server quotes it
            _repeat(partial(_drop, connection, drop), patience)
        _repeat(partial(_drop, connection, sql.SQL("DROP FUNCTION IF EXISTS {guard}()")), patience)
    except psycopg.Error as error:
        log.warning("triggers of a move that has ended are left for the next start: %s", type(error).__name__)


def lock_tables(connection: Connection[Any], tables: Sequence[str], mode: str) -> None:
    """Lock all of them in the open transaction, or raise psycopg.OperationalError after a while."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    statement = sql.SQL("LOCK TABLE {} IN {} MODE").format(names, sql.SQL(mode))

    def lock_all() -> None:
        with connection.transaction():
            connection.execute(BRIEF)
            connection.execute(statement)

    _repeat(lock_all, PATIENCE)


def _drop(connection: Connection[Any], statement: sql.SQL) -> None:
    """Nobody begins another move meanwhile, whose guard would go."""
    with connection.transaction():
        connection.execute(BRIEF)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if read_move(connection) is None:
            connection.execute(statement.format(guard=sql.Identifier(NAME)))


def _repeat(work: Callable[[], None], patience: timedelta) -> None:
    tries = Retrying(retry=retry_if_exception_type(HELD), stop=stop_after_delay(patience), wait=PAUSES, reraise=True)
    tries(work)


def _compose(statement: str, **named: sql.Composable) -> sql.Composed:
    return sql.SQL(statement).format(guard=sql.Identifier(NAME), **named)
