"""Steps: the requests of an open question's answer; what one brought is stored in the unit that settles it."""

from collections.abc import Mapping

from core.billing.ledger_rows import Reservation, Settlement
from core.domain.errors import LeaseLost
from core.domain.messages import ThreadKey
from core.store.places.pauses import count_pause
from core.store.protocols import Settled, Step, StepEnd
from core.store.records.claims import Claim, FirstStep
from core.store.rules.claims import fence_claim, keep_final_text
from core.store.rules.ledger import settle_request
from core.store.rules.made_files import keep_made_files
from core.store.rules.questions import thread_values
from core.store.rules.read_thread import remember_container
from core.store.rules.tool_calls import keeps_calls
from core.store.sql_port import Row, Sql, parse_stamp

STEPS = """
SELECT step, count(*) FILTER (WHERE outcome = 'died') AS attempts, max(content) AS content, count(persona_wide) AS own,
    CAST(sum(coalesce(micro_usd, bound)) AS BIGINT) AS micro_usd FROM requests
WHERE workspace = :workspace AND channel = :channel AND question = :question AND step IS NOT NULL GROUP BY step
"""

FIRST = """
SELECT persona, persona_wide, at FROM requests
WHERE workspace = :workspace AND channel = :channel AND question = :question AND step IS NOT NULL
AND persona_wide IS NOT NULL ORDER BY id LIMIT 1
"""

COST = """
SELECT count(*) FILTER (WHERE outcome IN ('tool_use', 'pause_turn')) AS rounds,
    CAST(coalesce(sum(coalesce(micro_usd, bound, 0)), 0) AS BIGINT) AS micro_usd
FROM requests
WHERE workspace = :workspace AND channel = :channel AND question = :question AND step IS NOT NULL
"""

KEEP_CONTENT = "UPDATE requests SET content = :content WHERE id = :id AND step IS NOT NULL"


def settle_step(sql: Sql, reservation: Reservation, settled: Settlement, end: StepEnd | None) -> Settled:
    """Settle a request and store what its step ends with; the money is settled also where the claim is lost."""
    question = _find_claimed(sql, end.claim) if end else None
    nearly = settle_request(sql, reservation, settled)
    if question is None or end is None:
        return Settled(nearly)
    if end.final_text is not None:
        keep_final_text(sql, question, end.claim, end.final_text)
        if end.pause is not None:
            count_pause(sql, end.claim.question.key.workspace, end.pause)
    elif end.made:
        keep_made_files(sql, question, end.made)
    if end.container is not None:
        remember_container(sql, end.claim.question.key, end.container)
    if end.content is not None and keeps_calls(sql, question, end.called):
        sql.execute(KEEP_CONTENT, {"id": reservation.id, "content": end.content})
    return Settled(nearly, stored=end.final_text is not None)


def _find_claimed(sql: Sql, claim: Claim) -> Row | None:
    """The question of a claim that is still held."""
    try:
        return fence_claim(sql, claim)
    except LeaseLost:
        return None


def list_steps(sql: Sql, key: ThreadKey, question: str) -> Mapping[str, Step]:
    """The steps of a question by the digest of what was asked."""
    rows = sql.many(STEPS, {**thread_values(key), "question": question})
    return {row["step"]: Step(row["attempts"], row["content"], row["micro_usd"], aside=not row["own"]) for row in rows}


def find_first_step(sql: Sql, key: ThreadKey, question: str) -> FirstStep | None:
    """With which persona the answer to a question was begun."""
    row = sql.one(FIRST, {**thread_values(key), "question": question})
    return FirstStep(row["persona"], bool(row["persona_wide"]), parse_stamp(row["at"])) if row else None


def sum_steps(sql: Sql, key: ThreadKey, question: str) -> tuple[int, int]:
    """How many steps of a question its answer goes on from, and what all have cost so far, in micro-dollars."""
    row = sql.one(COST, {**thread_values(key), "question": question})
    return (row["rounds"], row["micro_usd"]) if row else (0, 0)
