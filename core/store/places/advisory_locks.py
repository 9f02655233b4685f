"""Advisory locks: what a unit of work excludes while it runs, always in one order, so that no two wait for each other.

First an installation, then the claims, then channels, then the money of a workspace, or its personas and notes, and
last of all its audit log; a unit that needs only one takes only that.
"""

from core.store.sql_port import Sql


def lock_installation(sql: Sql, workspace: str) -> None:
    """Nobody else installs the app in the workspace, or ends that."""
    sql.lock(f"installation {workspace}")


def lock_claims(sql: Sql) -> None:
    """Nobody else claims, closes or frees a question."""
    sql.lock("claims")


def lock_channel(sql: Sql, workspace: str, channel: str) -> None:
    """Nobody else changes messages and questions of the channel."""
    sql.lock(f"channel {workspace} {channel}")


def lock_money(sql: Sql, workspace: str) -> None:
    """Nobody else reserves, settles or changes budgets in the workspace."""
    sql.lock(f"money {workspace}")


def lock_gaps(sql: Sql) -> None:
    """Nobody else begins a backfill. Taken alone."""
    sql.lock("gaps")


def lock_batches(sql: Sql) -> None:
    """Nobody else takes up what is to be done about batches. Taken alone."""
    sql.lock("batches")


def lock_shards(sql: Sql, bot: str) -> None:
    """Nobody else shares out the bot's shards, or begins a session. Taken alone."""
    sql.lock(f"shards {bot}")


def lock_personas(sql: Sql, workspace: str) -> None:
    """Nobody else changes personas or notes in the workspace."""
    sql.lock(f"personas {workspace}")


def lock_audit(sql: Sql, workspace: str) -> None:
    """Nobody else appends to the workspace's audit log. Taken last: nothing may be locked after it."""
    sql.lock(f"audit {workspace}")
