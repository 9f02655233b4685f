"""Installations: where the app is installed, with sealed tokens, which one process at a time may renew."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.billing.ledger_rows import Scope
from core.store.audit_log import PLATFORM, AuditAction, AuditEntry
from core.store.places.advisory_locks import lock_installation
from core.store.places.audit import record_audit
from core.store.records.installations import Installation
from core.store.rules.forget import forget
from core.store.rules.ingest import record_end, withdraw_workspace
from core.store.sql_port import Row, Sql, parse_stamp, stamp

FIND = "SELECT * FROM installations WHERE workspace = :workspace"

LIST = "SELECT * FROM installations WHERE workspace LIKE :beginning ORDER BY workspace"

KEEP = """
INSERT INTO installations (workspace, identity, sealed, installed_by, installed_at, expires_at, version)
VALUES (:workspace, :identity, :sealed, :installed_by, :installed_at, :expires_at, :version)
ON CONFLICT (workspace) DO UPDATE SET identity = excluded.identity, sealed = excluded.sealed,
installed_by = excluded.installed_by, installed_at = excluded.installed_at, expires_at = excluded.expires_at,
version = excluded.version, renewing_until = NULL
"""

CLAIM = """
UPDATE installations SET renewing_until = :until
WHERE workspace = :workspace AND version = :version AND (renewing_until IS NULL OR renewing_until <= :now)
"""

RENEW = """
UPDATE installations SET sealed = :sealed, expires_at = :expires_at, version = version + 1, renewing_until = NULL
WHERE workspace = :workspace AND version = :version
"""

END = "DELETE FROM installations WHERE workspace = :workspace"

PERSONAS = "DELETE FROM personas WHERE workspace = :workspace"


def keep_installation(sql: Sql, installation: Installation) -> Installation:
    """Keep an installation in place of the former one of its workspace."""
    workspace = installation.workspace
    lock_installation(sql, workspace)
    former = sql.one(FIND, {"workspace": workspace})
    version = former["version"] + 1 if former else int(sql.now().timestamp() * 1e6)  # no earlier one had it
    row = {
        "workspace": workspace,
        "identity": installation.identity,
        "sealed": installation.sealed,
        "installed_by": installation.by,
        "installed_at": stamp(installation.at),
        "expires_at": _write_time(installation.expires_at),
        "version": version,
    }
    sql.execute(KEEP, row)
    record_audit(sql, AuditEntry(workspace, sql.now(), installation.by or PLATFORM, AuditAction.INSTALLATION))
    return _read_row(row)


def find_installation(sql: Sql, workspace: str) -> Installation | None:
    row = sql.one(FIND, {"workspace": workspace})
    return _read_row(row) if row else None


def list_installations(sql: Sql, platform: str = "%") -> Sequence[Installation]:
    """Those of a platform, or of all."""
    return [_read_row(row) for row in sql.many(LIST, {"beginning": f"{platform}:%"})]


def claim_renewal(sql: Sql, installation: Installation, lease: timedelta) -> bool:
    """Whether the tokens are these still, and nobody else renews them: what renews them can be used once."""
    now = sql.now()
    values = {"workspace": installation.workspace, "version": installation.version}
    return sql.count_changes(CLAIM, {**values, "now": stamp(now), "until": stamp(now + lease)}) > 0


def renew_token(sql: Sql, installation: Installation, sealed: str, expires_at: datetime | None) -> Installation | None:
    """Put other tokens in the place of these, unless they are others by now."""
    values = {"workspace": installation.workspace, "version": installation.version}
    if not sql.count_changes(RENEW, {**values, "sealed": sealed, "expires_at": _write_time(expires_at)}):
        return None
    return find_installation(sql, installation.workspace)


def end_installation(sql: Sql, workspace: str, until: datetime, erase: bool) -> bool:
    """Erase the tokens of what was installed until then: an end that is told late ends no later installation.

    What was asked there until then is withdrawn. With `erase`, every word of the workspace and its personas go too;
    what requests cost stays.
    """
    lock_installation(sql, workspace)
    row = sql.one(FIND, {"workspace": workspace})
    if row is None or parse_stamp(row["installed_at"]) > until:
        return False
    sql.execute(END, {"workspace": workspace})
    withdrawn = withdraw_workspace(sql, workspace, until)
    if erase:
        sql.execute(PERSONAS, {"workspace": workspace})
        forget(sql, Scope(workspace), PLATFORM)
    record_end(sql, workspace, until, withdrawn)
    return True


def _write_time(at: datetime | None) -> str | None:
    return stamp(at) if at else None


def _read_row(row: Row) -> Installation:
    return Installation(
        workspace=row["workspace"],
        identity=row["identity"],
        sealed=row["sealed"],
        by=row["installed_by"],
        at=parse_stamp(row["installed_at"]),
        expires_at=parse_stamp(row["expires_at"]) if row["expires_at"] else None,
        version=row["version"],
    )
