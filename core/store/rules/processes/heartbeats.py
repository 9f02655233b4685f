"""Heartbeats: a process says that it lives, and learns what it has lost, what waits, and how many live with it."""

from datetime import timedelta

from core.store.places.advisory_locks import lock_channel, lock_claims
from core.store.places.knowledge import drop_waiting
from core.store.records.heartbeat import Heartbeat
from core.store.rules.ledger import write_off_requests
from core.store.rules.private_answers import drop_old_answers
from core.store.rules.processes.announcements import announce_question
from core.store.rules.questions import WAKE
from core.store.sql_port import Sql, parse_stamp, stamp

LAST_BEAT = """
SELECT coalesce((SELECT beat_at FROM processes WHERE process = :process),
    (SELECT min(claimed_at) FROM claims WHERE process = :process)) AS at
"""

BEAT = """
INSERT INTO processes (process, beat_at) VALUES (:process, :at)
ON CONFLICT (process) DO UPDATE SET beat_at = excluded.beat_at
"""

LEAVE = "DELETE FROM processes WHERE process = :process"

LIVING = """
SELECT count(*) AS processes, min(CASE WHEN beat_at < :doubtful THEN beat_at END) AS oldest FROM processes
WHERE beat_at >= :since
"""

WITHDRAWN = """
SELECT claims.id FROM claims JOIN questions ON questions.claim = claims.id AND questions.reply = questions.name
WHERE claims.process = :process AND questions.withdrawn_at IS NOT NULL
"""

WAITING = """
SELECT 1 AS waits FROM questions LEFT JOIN claims ON claims.id = questions.claim
LEFT JOIN processes ON processes.process = claims.process
WHERE questions.outcome IS NULL AND questions.parked IS DISTINCT FROM 'waiting'
AND (questions.claim IS NULL OR claims.process IS NULL OR coalesce(processes.beat_at, claims.claimed_at) < :since)
LIMIT 1
"""

PARKED_TOO_LONG = """
SELECT workspace, channel, claim FROM questions
WHERE parked = 'waiting' AND parked_until <= :now ORDER BY workspace, channel, id
"""

OF_PROCESS = "SELECT id FROM claims WHERE process = :process"

CLAIMED = "SELECT * FROM questions WHERE claim = :claim ORDER BY reply <> name, at, id"


def heartbeat(sql: Sql, process: str, leaving: bool, stale: timedelta) -> Heartbeat:
    """The process lives, or leaves; one that is late has lost its claims.

    Nobody takes them over between the look at its last heartbeat and the new one.
    """
    lock_claims(sql)
    now = sql.lease_time()
    last = sql.one(LAST_BEAT, {"process": process})
    late = last is not None and last["at"] is not None and parse_stamp(last["at"]) < now - stale
    freed = _free_claims(sql, process) if late or leaving else frozenset()
    sql.execute(LEAVE if leaving else BEAT, {"process": process, "at": stamp(now)})
    for row in sql.many(PARKED_TOO_LONG, {"now": stamp(sql.now())}):
        lock_channel(sql, row["workspace"], row["channel"])
        sql.execute(WAKE, row)
    drop_old_answers(sql)
    drop_waiting(sql)
    since = {"since": stamp(now - stale)}
    withdrawn, (living,), waiting = sql.many_each(
        (WITHDRAWN, {"process": process}),
        (LIVING, {**since, "doubtful": stamp(now - stale / 2)}),
        (WAITING, since),
    )
    if leaving and waiting:
        announce_question(sql)
    return Heartbeat(
        lease=stale / 2,
        late=late,
        freed=freed,
        withdrawn=frozenset(row["id"] for row in withdrawn),
        processes=living["processes"],
        waiting=bool(waiting),
        doubtful=parse_stamp(living["oldest"]) + stale - now if living["oldest"] else None,
    )


def _free_claims(sql: Sql, process: str) -> frozenset[int]:
    """What it was answering waits for the next claim; the requests that it had sent are written off."""
    held = sql.many(OF_PROCESS, {"process": process})
    for row in held:
        for question in sql.many(CLAIMED, {"claim": row["id"]}):
            write_off_requests(sql, question, sql.now())
        sql.update("claims", row["id"], {"process": None})
    return frozenset(row["id"] for row in held)
