"""Answers to bots, counted by channel until a person writes there; they tell nothing but which questions these were."""

from datetime import datetime

from core.billing.ledger_rows import Scope
from core.domain.messages import ThreadKey
from core.store.places.advisory_locks import lock_channel
from core.store.records.bot_loops.answers import Limits, Verdict
from core.store.sql_port import Engine, Row, Sql, Values, parse_stamp, stamp

COUNTED = "SELECT at, verdict FROM bot_answers WHERE workspace = :workspace AND channel = :channel AND counts"

OWN = """
SELECT verdict FROM bot_answers WHERE workspace = :workspace AND channel = :channel AND question = :question
"""

BEGIN_ANEW = "UPDATE bot_answers SET counts = FALSE WHERE workspace = :workspace AND channel = :channel AND counts"

# What was said about the end is said again after the next one.
GO_ON = f"{BEGIN_ANEW} AND verdict = :said"

DROP_OLD = "DELETE FROM bot_answers WHERE at <= :until"

ERASE = "DELETE FROM bot_answers WHERE workspace = :workspace AND {where}"


def reach_verdict(sql: Sql, key: ThreadKey, question: str, limits: Limits) -> Verdict:
    """Whether to answer a question of bots; nobody else counts in its channel meanwhile.

    One that is not answered now is not answered later either, when it is found in a history. The time is that of
    leases, which no machine's clock moves.
    """
    lock_channel(sql, key.workspace, key.channel)
    values = _name(key, question)
    own, counted = sql.many_each((OWN, values), (COUNTED, values))
    if own:
        return Verdict(own[0]["verdict"])
    now, told = sql.lease_time(), any(row["verdict"] == Verdict.SAY_SO.value for row in counted)
    over = _is_over(counted, limits, now)
    verdict = Verdict.ANSWER if not over else Verdict.SILENCE if told else Verdict.SAY_SO
    if told and not over:
        sql.execute(GO_ON, {**values, "said": Verdict.SAY_SO.value})
    counts = verdict is not Verdict.SILENCE
    sql.insert("bot_answers", {**values, "at": stamp(now), "verdict": verdict.value, "counts": counts})
    sql.execute(DROP_OLD, {"until": stamp(now - max(time for _, time in limits))})
    return verdict


def is_over(sql: Sql, key: ThreadKey, question: str, limits: Limits) -> bool:
    """Whether a question of bots, which was not answered, would get no answer now."""
    values = _name(key, question)
    own, counted = sql.many_each((OWN, values), (COUNTED, values))
    return own[0]["verdict"] != Verdict.ANSWER.value if own else _is_over(counted, limits, sql.lease_time())


def begin_anew(sql: Sql, key: ThreadKey) -> None:
    """A person wrote in the channel: what bots were answered before counts no more."""
    sql.execute(BEGIN_ANEW, {"workspace": key.workspace, "channel": key.channel})


def erase_bot_answers(sql: Sql, scope: Scope) -> None:
    """Those of a workspace or a channel. A thread's and a person's hold no word, and go on counting."""
    if scope.thread is None and scope.person is None:
        where = "TRUE" if scope.channel is None else "channel = :channel"
        sql.execute(ERASE.format(where=where), {"workspace": scope.workspace, "channel": scope.channel})


def _name(key: ThreadKey, question: str) -> Values:
    return {"workspace": key.workspace, "channel": key.channel, "question": question}


def _is_over(counted: list[Row], limits: Limits, now: datetime) -> bool:
    answered = [parse_stamp(row["at"]) for row in counted if row["verdict"] == Verdict.ANSWER.value]
    return any(sum(at > now - time for at in answered) >= most for most, time in limits)


class BotAnswerRepository:
    """Keeps the protocol `BotAnswers`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def reach_verdict(self, key: ThreadKey, question: str, limits: Limits) -> Verdict:
        return await self._engine.unit(lambda sql: reach_verdict(sql, key, question, limits))

    async def is_over(self, key: ThreadKey, question: str, limits: Limits) -> bool:
        return await self._engine.unit(lambda sql: is_over(sql, key, question, limits))
