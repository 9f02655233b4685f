"""Feedback: what people think of answers, one vote a person and answer."""

from datetime import datetime

from core.billing.ledger_rows import Scope
from core.domain.controls import Votes
from core.store.rules.questions import thread_key, thread_values
from core.store.sql_port import Row, Sql, stamp

GIVEN = """
SELECT * FROM votes
WHERE workspace = :workspace AND channel = :channel AND question = :question AND person = :person
"""

# Requests that were written down since the question was asked, of which there are few; last what stands beside an
# answer, such as the title of its thread.
ANSWERED_BY = """
SELECT persona, persona_wide, coalesce(answered_by, model) AS model FROM requests
WHERE workspace = :workspace AND at >= :at AND channel = :channel AND question = :name
ORDER BY CASE WHEN persona_wide IS NULL THEN 1 ELSE 0 END, id DESC LIMIT 1
"""

COUNT = """
SELECT count(*) FILTER (WHERE positive) AS up, count(*) FILTER (WHERE NOT positive) AS down FROM votes
WHERE {scope} AND at >= :since
"""

COUNT_ALL = "SELECT count(*) FILTER (WHERE positive) AS up, count(*) FILTER (WHERE NOT positive) AS down FROM votes"

# What was asked by a person, and so what the person's usage tells of.
ASKED_BY = """EXISTS (
    SELECT 1 FROM questions WHERE questions.workspace = votes.workspace AND questions.channel = votes.channel
    AND questions.name = votes.question AND questions.person = :person
)"""


def keep_vote(sql: Sql, reply: Row, person: str, positive: bool, at: datetime) -> bool:
    """Keep what a person thinks of an answer, with who gave it; an older vote changes nothing. Whether it was new."""
    place = {**thread_values(thread_key(reply)), "question": reply["name"], "person": person}
    given = sql.one(GIVEN, place)
    if given and given["at"] >= stamp(at):
        return False
    by = sql.one(ANSWERED_BY, reply) or dict.fromkeys(("persona", "persona_wide", "model"))
    vote = {"positive": positive, **by, "at": stamp(at)}
    if given:
        sql.update("votes", given["id"], vote)
    else:
        sql.insert("votes", {**place, **vote})
    return given is None or bool(given["positive"]) != positive


def count_votes(sql: Sql, scope: Scope, since: datetime) -> Votes:
    """The votes since then on what was answered in a scope; of a person, on the answers to that person."""
    places = {"workspace": scope.workspace, "channel": scope.channel, "thread": scope.thread}
    conditions = [f"{name} = :{name}" for name, value in places.items() if value is not None]
    conditions += [ASKED_BY] if scope.person is not None else []
    values = {**places, "person": scope.person, "since": stamp(since)}
    row = sql.one(COUNT.format(scope=" AND ".join(conditions)), values)
    return Votes(row["up"], row["down"]) if row else Votes()


def count_all_votes(sql: Sql) -> Votes:
    """The votes on all answers there are."""
    row = sql.one(COUNT_ALL, {})
    return Votes(row["up"], row["down"]) if row else Votes()
