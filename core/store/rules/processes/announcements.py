"""Announcements: what other processes hear of at once, with the transaction that changes it; no more than they need.

The process that keeps a question claims it by itself, unless it is full: so most questions are announced to nobody.
"""

from core.domain.messages import ThreadKey
from core.store.records.heartbeat import Topic
from core.store.sql_port import Sql

EVERYBODY = "SELECT '' AS process, '' AS workspace, '' AS channel, '' AS thread"

UNCLAIMED = f"""
{EVERYBODY} WHERE EXISTS (
    SELECT 1 FROM questions LEFT JOIN claims ON claims.id = questions.claim
    WHERE questions.outcome IS NULL AND questions.parked IS DISTINCT FROM 'waiting'
    AND (questions.claim IS NULL OR (questions.reply = questions.name AND claims.process IS NULL))
)
"""  # noqa: S608  no value is in it

ANSWERING_IN = """
SELECT DISTINCT claims.process, questions.workspace, questions.channel, questions.thread
FROM questions JOIN claims ON claims.id = questions.claim
WHERE questions.workspace = :workspace AND questions.channel = :channel AND questions.thread = :thread
AND questions.outcome IS NULL AND claims.process IS NOT NULL
"""

ANSWERING = """
SELECT process, '' AS workspace, '' AS channel, '' AS thread FROM claims WHERE id = :claim AND process IS NOT NULL
"""


def announce_question(sql: Sql) -> None:
    """A question waits that this process cannot take up."""
    sql.announce(Topic.QUESTION.value, EVERYBODY, {})


def announce_unclaimed(sql: Sql) -> None:
    """The same, if there is any."""
    sql.announce(Topic.QUESTION.value, UNCLAIMED, {})


def announce_change(sql: Sql, key: ThreadKey) -> None:
    """Something was said, edited or deleted in a thread: who answers a question in it has to look."""
    place = {"workspace": key.workspace, "channel": key.channel, "thread": key.thread}
    sql.announce(Topic.CHANGE.value, ANSWERING_IN, place)


def announce_withdrawal(sql: Sql, claim: int) -> None:
    """A question was withdrawn: who answers it ends that."""
    sql.announce(Topic.WITHDRAWAL.value, ANSWERING, {"claim": claim})


def announce_job(sql: Sql) -> None:
    """There is something to be done about a job, in whichever process."""
    sql.announce(Topic.JOB.value, EVERYBODY, {})
