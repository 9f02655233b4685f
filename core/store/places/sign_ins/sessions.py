"""Sign-ins as rows: links, each used once, and sessions. What is over is deleted with the next link."""

from collections.abc import Sequence
from datetime import datetime

from core.domain.events import Pressed
from core.domain.messages import Rank
from core.store.audit_log import PLATFORM, AuditAction, AuditEntry
from core.store.places.audit import record_audit
from core.store.records.sign_ins.sessions import (
    LINK_LIFE,
    SESSION_ENDED,
    SESSION_LIFE,
    SESSION_OF_OTHERS,
    Identity,
    Session,
    hash_token,
)
from core.store.sql_port import Row, Sql, parse_stamp, stamp

FIND_LINK = "SELECT * FROM sign_in_links WHERE token = :token AND expires_at > :now"

USE_LINK = "DELETE FROM sign_in_links WHERE token = :token AND expires_at > :now"

FIND = "SELECT * FROM sign_in_sessions WHERE token = :token AND expires_at > :now"

LIST = """
SELECT * FROM sign_in_sessions WHERE workspace = :workspace AND person = :person AND expires_at > :now ORDER BY id DESC
"""

RANK = "UPDATE sign_in_sessions SET rank = :rank, ranked_at = :now WHERE token = :token"

END = "DELETE FROM sign_in_sessions WHERE token = :token"

END_LINKS = "DELETE FROM sign_in_links WHERE workspace = :workspace AND person = :person"

TABLES = ("sign_in_links", "sign_in_sessions")
TIDY = "DELETE FROM {table} WHERE expires_at <= :now"
END_WORKSPACE = "DELETE FROM {table} WHERE workspace = :workspace"


def keep_link(sql: Sql, token: str, identity: Identity) -> None:
    now = sql.now()
    for table in TABLES:
        sql.execute(TIDY.format(table=table), {"now": stamp(now)})
    sql.insert(
        "sign_in_links",
        {"token": hash_token(token), **_write_identity(identity), "expires_at": stamp(now + LINK_LIFE)},
    )


def find_link(sql: Sql, token: str) -> Identity | None:
    row = sql.one(FIND_LINK, {"token": hash_token(token), "now": stamp(sql.now())})
    return _read_identity(row) if row else None


def use_link(sql: Sql, link: str, token: str, rank: Rank) -> Session | None:
    """Begin the session `token` by a link. Of two at once one finds the link's row gone."""
    identity, now = find_link(sql, link), sql.now()
    if identity is None or not sql.count_changes(USE_LINK, {"token": hash_token(link), "now": stamp(now)}):
        return None
    times = {"at": stamp(now), "expires_at": stamp(now + SESSION_LIFE), "ranked_at": stamp(now)}
    row = {"token": hash_token(token), **_write_identity(identity), "rank": int(rank), **times}
    number = sql.insert_numbered("sign_in_sessions", row)
    record_audit(sql, AuditEntry(identity.workspace, now, identity.person, AuditAction.SIGN_IN, subject=str(number)))
    return _read_session({"id": number, **row}, now)


def find_session(sql: Sql, token: str) -> Session | None:
    now = sql.now()
    row = sql.one(FIND, {"token": hash_token(token), "now": stamp(now)})
    return _read_session(row, now) if row else None


def list_sessions(sql: Sql, workspace: str, person: str) -> Sequence[Session]:
    now = sql.now()
    rows = sql.many(LIST, {"workspace": workspace, "person": person, "now": stamp(now)})
    return [_read_session(row, now) for row in rows]


def note_rank(sql: Sql, token: str, rank: Rank) -> None:
    sql.execute(RANK, {"token": hash_token(token), "rank": int(rank), "now": stamp(sql.now())})


def end_session(sql: Sql, token: str, *, left: bool = False) -> None:
    """End a session: its person did, or the platform, which says that they `left`."""
    row = sql.one(FIND, {"token": hash_token(token), "now": stamp(sql.now())})
    if row:
        _end(sql, row, PLATFORM if left else row["person"])


def end_pressed_session(sql: Sql, event: Pressed) -> str:
    """End the session that a press is about, if who pressed has signed in there. What came of that, in a sentence.

    The press may come from direct messages, which some platforms have outside of any workspace.
    """
    row = sql.one(FIND, {"token": event.question or "", "now": stamp(sql.now())})
    if row is None:
        return SESSION_ENDED
    identity, platform = _read_identity(row), event.key.workspace.partition(":")[0]
    if (identity.platform, identity.person) != (platform, event.person):
        return SESSION_OF_OTHERS
    _end(sql, row, event.person)
    return SESSION_ENDED


def end_sessions(sql: Sql, workspace: str, person: str) -> int:
    """End a person's sessions, and links that could begin others. How many sessions there were."""
    whose = {"workspace": workspace, "person": person}
    sql.execute(END_LINKS, whose)
    ended = [_end(sql, row, person) for row in sql.many(LIST, {**whose, "now": stamp(sql.now())})]
    return sum(ended)


def _end(sql: Sql, row: Row, actor: str) -> int:
    """Of several who end a session at once one does."""
    ended = sql.count_changes(END, {"token": row["token"]})
    if ended:
        entry = AuditEntry(row["workspace"], sql.now(), actor, AuditAction.SIGN_OUT, subject=str(row["id"]))
        record_audit(sql, entry)
    return ended


def end_workspace_sessions(sql: Sql, workspace: str) -> None:
    """Nobody of the workspace can be asked about any more."""
    for table in TABLES:
        sql.execute(END_WORKSPACE.format(table=table), {"workspace": workspace})


def _write_identity(identity: Identity) -> Row:
    return {"workspace": identity.workspace, "person": identity.person, "channel": identity.channel}


def _read_identity(row: Row) -> Identity:
    return Identity(row["workspace"], row["person"], row["channel"])


def _read_session(row: Row, now: datetime) -> Session:
    times = {name: parse_stamp(row[name]) for name in ("at", "expires_at")}
    age = now - parse_stamp(row["ranked_at"])
    return Session(row["id"], _read_identity(row), rank=Rank(row["rank"]), rank_age=age, **times)
