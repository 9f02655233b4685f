"""What PostgreSQL refuses: which of it passes, which is a bug of ours, and the sentence that names cause and mend."""

import re
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.conninfo import conninfo_to_dict

from core.store.sql_port import Unfit

REPEATED = (errors.SerializationFailure, errors.DeadlockDetected)
"""The transaction did not happen, and may happen when it is tried again at once."""

MOVED = (
    *(errors.ReadOnlySqlTransaction, errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow),
    errors.IdleInTransactionSessionTimeout,  # we were stopped in the middle, for long
)
"""This connection is of no more use; another one may be."""

GONE = (errors.UndefinedTable, errors.InvalidSchemaName)
"""The tables were there at the start, and are not any more: they were dropped, or the server was replaced."""

BUGS = (
    psycopg.ProgrammingError,
    psycopg.IntegrityError,
    psycopg.DataError,
    psycopg.NotSupportedError,
    psycopg.InterfaceError,
)

FOREIGN = "it has tables of another program; give Confab a database or a schema of its own"
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
    errors.UndefinedTable: "its tables are gone; bring them back, or start Confab anew, which makes empty ones",
    errors.InvalidSchemaName: "no schema of its search_path is there; make it with CREATE SCHEMA, or name another",
    errors.DuplicateTable: FOREIGN,
    errors.UndefinedColumn: FOREIGN,
    errors.FeatureNotSupported: "it is too old; PostgreSQL 14 or newer is needed",
}
URI = re.compile(r"\w+://(?:[^@/]*@)?[^@?]*(?:\?.*)?", re.DOTALL)  # a password that holds @ or / is no such thing
PASSING = re.compile(r"failed: |resolve host|translate host name|too many c|remaining connection slots")
LASTING = re.compile(r'password|pg_hba\.conf|FATAL:  (?:role|database) "|unrecognized|SSL|certificate')
UNREADABLE = (
    "DATABASE_URL cannot be read; write %40 for @, %2F for / and %25 for % in its name and password, "
    "and let it look like postgresql://user:password@host/confab"
)
UNKNOWN = "DATABASE_URL has a parameter that PostgreSQL does not know: {}; see that it is spelt right"
UNREACHABLE = "it cannot be reached ({}); see that it runs, and that the address in DATABASE_URL is right"


def read_address(url: str) -> dict[str, Any]:
    """The parts of a database's address. Raises Unfit, which repeats nothing of it: a piece of a password may be it."""
    if "://" in url and not URI.fullmatch(url):
        raise Unfit(UNREADABLE)
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        unknown = _find_unknown_parameter(url)
        raise Unfit(UNKNOWN.format(unknown) if unknown else UNREADABLE) from None
    if not re.fullmatch(r"[\d,]*", str(parts.get("port", ""))):  # it may be a password whose host is missing
        raise Unfit(UNREADABLE)
    return parts


def _find_unknown_parameter(url: str) -> str | None:
    """A name after the question mark, if that is surely not a part of a password."""
    query = url.partition("?")[2]
    if "@" in query:
        return None
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    return next((name for name in re.findall(r"(?:^|&)([a-z_]+)=", query) if name not in known), None)


def name_database(url: str) -> str:
    """The database as operators know it, without its password: `postgresql://host:5432/confab`."""
    try:
        parts = read_address(url)
    except Unfit:
        return "postgresql://..."
    hosts, ports = parts.get("host", "").split(","), parts.get("port", "").split(",")
    ports = ports if len(ports) == len(hosts) else ports * len(hosts)
    bare = [f"[{host}]" if ":" in host else host for host in hosts]
    places = ",".join(f"{host}:{port}" if port else host for host, port in zip(bare, ports, strict=False))
    service = f"?service={parts['service']}" if "service" in parts else ""
    return f"postgresql://{places}/{parts.get('dbname', '')}{service}"


def passes(error: BaseException) -> bool:
    """Whether a database that cannot be opened now may be opened later, though nobody mends the settings."""
    if isinstance(error, (*REPEATED, *MOVED, errors.LockNotAvailable, errors.QueryCanceled, errors.DiskFull)):
        return True
    if not isinstance(error, psycopg.OperationalError) or error.sqlstate is not None:
        return isinstance(error, errors.TooManyConnections)
    return bool(PASSING.search(str(error))) and not LASTING.search(str(error))


def is_bug(error: psycopg.Error) -> bool:
    """Whether it is our mistake, and no trouble of the server's."""
    return isinstance(error, BUGS) and not isinstance(error, (*MOVED, *GONE))


def is_stale_plan(error: BaseException) -> bool:
    """Whether a table changed under a prepared statement, which is forgotten now: the unit of work may be repeated."""
    return isinstance(error, errors.FeatureNotSupported) and "cached plan" in str(error)


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
        ("no password supplied", errors.InvalidPassword),
        ("pg_hba.conf", errors.InvalidAuthorizationSpecification),
        ("FATAL:  database", errors.InvalidCatalogName),
        ("too many clients", errors.TooManyConnections),
        ("remaining connection slots", errors.TooManyConnections),
    ):
        if words in text:
            return MENDS[kind]
    causes = re.findall(r".*failed: (?:FATAL: +)?(.+)", text) or [
        text.partition("\n")[0].removeprefix("connection is bad: ")
    ]
    return UNREACHABLE.format(", ".join(dict.fromkeys(cause.strip() for cause in causes)))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()
