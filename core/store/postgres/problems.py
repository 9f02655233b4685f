"""What PostgreSQL refuses: which of it passes, which is a bug of ours, and the sentence that names cause and mend."""

import re
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from core.store.sql_port import Unfit

REPEATED = (errors.SerializationFailure, errors.DeadlockDetected)
"""The transaction did not happen, and may happen when it is tried again at once."""

MOVED = (errors.ReadOnlySqlTransaction, errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)
"""This connection is of no more use; another one may be."""

BUGS = (
    psycopg.ProgrammingError,
    psycopg.IntegrityError,
    psycopg.DataError,
    psycopg.NotSupportedError,
    psycopg.InterfaceError,
)

MENDS: dict[type[psycopg.Error], str] = {
    errors.InvalidPassword: "it does not accept the name or the password of DATABASE_URL",
    errors.InvalidAuthorizationSpecification: "it does not let this user in; see DATABASE_URL and pg_hba.conf",
    errors.InvalidCatalogName: "there is no such database; make it with CREATE DATABASE, or name another",
    errors.TooManyConnections: "it has no connection left; raise max_connections, or put fewer processes on it",
    errors.ReadOnlySqlTransaction: "it can only be read; name the primary server, not a standby",
    errors.InsufficientPrivilege: "this user may not do that; let it create tables in its schema, and use them",
    errors.QueryCanceled: "it took too long to answer",
    errors.LockNotAvailable: "another transaction holds what this one needs",
    errors.DiskFull: "its disk is full; make room",
    errors.FeatureNotSupported: "it is too old; PostgreSQL 14 or newer is needed",
}
URI = re.compile(r"\w+://(?:[^@/]*@)?[^@?]*(?:\?.*)?", re.DOTALL)  # a password that holds @ or / is no such thing
UNREADABLE = (
    "DATABASE_URL cannot be read; write %40 for @, %2F for / and %25 for % in its name and password, "
    "and let it look like postgresql://user:password@host/confab"
)
UNREACHABLE = "it cannot be reached; see that it runs, and that the address in DATABASE_URL is right"


def read_address(url: str) -> dict[str, Any]:
    """The parts of a database's address. Raises Unfit, which repeats nothing of it: a piece of a password may be it."""
    if "://" in url and not URI.fullmatch(url):
        raise Unfit(UNREADABLE)
    try:
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise Unfit(UNREADABLE) from None


def name_database(url: str) -> str:
    """The database as operators know it, without its password: `postgresql://host:5432/confab`."""
    try:
        parts = read_address(url)
    except Unfit:
        return "postgresql://..."
    host, port = parts.get("host", ""), parts.get("port", "")
    return f"postgresql://{host}{port and f':{port}'}/{parts.get('dbname', '')}"


def explain(error: Exception) -> str:
    """Why the database cannot be used, and what mends it; never what the address holds."""
    if isinstance(error, Unfit):
        return str(error)
    for kind, mend in MENDS.items():
        if isinstance(error, kind):
            return f"{mend} ({_first_line(error)})"
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return _explain_connection(str(error))
    return _first_line(error)


def _explain_connection(text: str) -> str:
    """What libpq says before a session exists has no code, only words."""
    for words, kind in (
        ("password authentication failed", errors.InvalidPassword),
        ("too many connections", errors.TooManyConnections),
        ('role "', errors.InvalidPassword),
        ("no pg_hba.conf entry", errors.InvalidAuthorizationSpecification),
        ("does not exist", errors.InvalidCatalogName),
        ("too many clients", errors.TooManyConnections),
        ("remaining connection slots", errors.TooManyConnections),
    ):
        if words in text:
            return MENDS[kind]
    return UNREACHABLE


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()
