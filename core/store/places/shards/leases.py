"""Shards as rows: who holds which by lease, with the session that another goes on with; fair parts of living processes.

One lock a bot makes these units one after another. They are short, and each process does one in some seconds.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from core.store.places.advisory_locks import lock_shards
from core.store.records.shards.leases import (
    LEASE,
    GatewaySession,
    Sessions,
    ShardAssignment,
    ShardHolder,
    ShardOverview,
)
from core.store.sql_port import Engine, Row, Sql, stamp

SETTLED = timedelta(seconds=30)  # that a process has to live before others give it shards: a crash loop gets none

HOLDERS = "SELECT * FROM shard_holders WHERE bot = :bot AND until > :now ORDER BY process"

BOTS = "SELECT DISTINCT bot FROM shard_holders WHERE until > :now"

JOIN = """
INSERT INTO shard_holders (bot, process, shards, since, until) VALUES (:bot, :process, :shards, :now, :until)
ON CONFLICT (bot, process) DO UPDATE SET until = excluded.until, shards = excluded.shards
"""

TIDY = "DELETE FROM shard_holders WHERE bot = :bot AND until <= :now"
LEAVE = "DELETE FROM shard_holders WHERE bot = :bot AND process = :process"

LEASES = "SELECT * FROM shard_leases WHERE bot = :bot AND shards = :shards ORDER BY shard"
OTHERS = "DELETE FROM shard_leases WHERE bot = :bot AND shards <> :shards"

TAKE = """
INSERT INTO shard_leases (bot, shard, shards, process, until, session, sequence, url)
VALUES (:bot, :shard, :shards, :process, :until, '', 0, '')
ON CONFLICT (bot, shard) DO UPDATE SET process = excluded.process, until = excluded.until
"""

RENEW = "UPDATE shard_leases SET until = :until WHERE bot = :bot AND process = :process"

KEEP = """
UPDATE shard_leases SET session = :session, sequence = :sequence, url = :url
WHERE bot = :bot AND shard = :shard AND process = :process
"""

RELEASE = (
    "UPDATE shard_leases SET until = :now, process = '' WHERE bot = :bot AND shard = :shard AND process = :process"
)

FIND_START = "SELECT next_at FROM session_starts WHERE bot = :bot AND bucket = :bucket"
START = """
INSERT INTO session_starts (bot, bucket, next_at) VALUES (:bot, :bucket, :next_at)
ON CONFLICT (bot, bucket) DO UPDATE SET next_at = excluded.next_at
"""


class ShardRepository:
    """Keeps the protocol `Shards`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def renew(self, holder: ShardHolder, sessions: Sessions, lease: timedelta = LEASE) -> ShardAssignment:
        return await self._engine.unit(lambda sql: renew_leases(sql, holder, sessions, lease))

    async def release(self, holder: ShardHolder, sessions: Sessions, *, leaving: bool = False) -> None:
        await self._engine.unit(lambda sql: release_leases(sql, holder, sessions, leaving=leaving))

    async def claim_start(self, bot: str, bucket: int, spacing: timedelta) -> timedelta:
        return await self._engine.unit(lambda sql: claim_start(sql, bot, bucket, spacing))

    async def read(self, bot: str) -> ShardOverview:
        return await self._engine.unit(lambda sql: read_leases(sql, bot))


def renew_leases(sql: Sql, holder: ShardHolder, sessions: Sessions, lease: timedelta) -> ShardAssignment:
    """Renew what a process holds, and take what is free, as far as it is its part."""
    lock_shards(sql, holder.bot)
    now = sql.lease_time()
    us: Row = {"bot": holder.bot, "process": holder.process, "now": stamp(now), "until": stamp(now + lease)}
    others = [row for row in sql.many(HOLDERS, us) if row["process"] != holder.process]
    count = others[0]["shards"] if others else holder.count
    if holder.exact and count != holder.count:
        return ShardAssignment(count, {})
    us["shards"] = count
    sql.execute(TIDY, us)
    sql.execute(JOIN, us)
    sql.execute(OTHERS, us)
    rows = {row["shard"]: row for row in sql.many(LEASES, us)}
    ours = {shard for shard, row in rows.items() if row["process"] == holder.process}
    _keep_sessions(sql, holder, sessions, {shard: rows[shard] for shard in ours})
    sql.execute(RENEW, us)
    free = [shard for shard in range(count) if shard not in ours and _is_free(rows.get(shard), now)]
    taken = free[: max(0, _divide(count, len(others) + 1) - len(ours))]
    for shard in taken:
        sql.execute(TAKE, {**us, "shard": shard})
    unknown = (ours - sessions.keys()).union(
        taken
    )  # ours, and not known to be: the answer to our last renewal was lost
    held = {shard: sessions.get(shard) for shard in ours} | {one: _read_session(rows.get(one)) for one in unknown}
    surplus = _find_surplus(ours, _count_settled(others, now), count)
    return ShardAssignment(count, held, surplus, frozenset(free) - set(taken), len(others) + 1)


def release_leases(sql: Sql, holder: ShardHolder, sessions: Sessions, *, leaving: bool) -> None:
    """Give shards back at once; of those that are another's by now nothing is changed."""
    lock_shards(sql, holder.bot)
    us = {"bot": holder.bot, "process": holder.process, "now": stamp(sql.lease_time())}
    for shard, session in sessions.items():
        sql.execute(KEEP, {**us, "shard": shard, **_write_session(session)})
        sql.execute(RELEASE, {**us, "shard": shard})
    if leaving:
        sql.execute(LEAVE, us)


def claim_start(sql: Sql, bot: str, bucket: int, spacing: timedelta) -> timedelta:
    """Take the turn of a bucket, unless somebody's lasts."""
    lock_shards(sql, bot)
    now, which = sql.lease_time(), {"bot": bot, "bucket": bucket}
    row = sql.one(FIND_START, which)
    if row and row["next_at"] > stamp(now):
        return datetime.fromisoformat(row["next_at"]) - now
    sql.execute(START, {**which, "next_at": stamp(now + spacing)})
    return timedelta(0)


def read_leases(sql: Sql, bot: str) -> ShardOverview:
    """How many shards there are, and how many each living process holds."""
    now = {"bot": bot, "now": stamp(sql.lease_time())}
    holders = sql.many(HOLDERS, now)
    if not holders:
        return ShardOverview()
    count = holders[0]["shards"]
    held = dict.fromkeys((row["process"] for row in holders), 0)
    for row in sql.many(LEASES, {**now, "shards": count}):
        if row["process"] in held and row["until"] > now["now"]:
            held[row["process"]] += 1
    return ShardOverview(count, held)


def list_overviews(sql: Sql) -> dict[str, ShardOverview]:
    """How the shards of each bot are held that has living processes."""
    bots = [row["bot"] for row in sql.many(BOTS, {"now": stamp(sql.lease_time())})]
    return {bot: read_leases(sql, bot) for bot in bots}


def _keep_sessions(sql: Sql, holder: ShardHolder, sessions: Sessions, rows: dict[int, Row]) -> None:
    """Write down the sessions that are others, or further, than what is written."""
    for shard in sessions.keys() & rows.keys():
        if sessions[shard] != _read_session(rows[shard]):
            which = {"bot": holder.bot, "process": holder.process, "shard": shard}
            sql.execute(KEEP, {**which, **_write_session(sessions[shard])})


def _count_settled(others: Iterable[Row], now: datetime) -> int:
    return sum(row["since"] <= stamp(now - SETTLED) for row in others)


def _find_surplus(ours: set[int], settled: int, count: int) -> frozenset[int]:
    """The last ones beyond our part, where who has lived for a while would take them."""
    return frozenset(sorted(ours)[_divide(count, settled + 1) :])


def _divide(count: int, processes: int) -> int:
    """The part of each, rounded up: together they are all."""
    return -(-count // processes)


def _is_free(row: Row | None, now: datetime) -> bool:
    return row is None or row["until"] <= stamp(now)


def _read_session(row: Row | None) -> GatewaySession | None:
    return GatewaySession(row["session"], row["sequence"], row["url"]) if row and row["session"] else None


def _write_session(session: GatewaySession | None) -> Row:
    found = session or GatewaySession("", 0, "")
    return {"session": found.id, "sequence": found.sequence, "url": found.url}
