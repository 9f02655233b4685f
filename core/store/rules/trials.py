"""Trials: questions that can be asked again under another persona, and the personas that were tried on them."""

from collections.abc import Sequence

from core.domain.messages import ThreadKey
from core.domain.personas import Draft
from core.store.records.trials import PastQuestion
from core.store.rules.drafts import read_draft
from core.store.rules.private_answers import POSTABLE_FOR
from core.store.rules.questions import (
    find_question,
    read_final_text,
    read_question,
    thread_values,
)
from core.store.sql_port import Engine, Row, Sql, stamp

# Who may not ask gets no answer by way of somebody else either.
QUESTIONS = """
SELECT questions.*, messages.text AS words, EXISTS (
    SELECT 1 FROM messages AS root WHERE root.workspace = questions.workspace
    AND root.channel = questions.channel AND root.message = questions.thread
) AS rooted, (
    SELECT CAST(sum(coalesce(micro_usd, bound)) AS BIGINT) FROM requests
    WHERE requests.workspace = questions.workspace AND requests.channel = questions.channel
    AND requests.question = questions.name
) AS micro_usd
FROM questions JOIN messages ON messages.workspace = questions.workspace
    AND messages.channel = questions.channel AND messages.message = questions.name
WHERE questions.workspace = :workspace AND questions.channel = :channel {thread}
AND questions.command IS NULL AND NOT questions.private AND NOT messages.private AND messages.deleted_at IS NULL
AND questions.outcome IN ('shown', 'refused', 'withdrawn') AND questions.reply = questions.name
AND coalesce(questions.unanswered, '') <> 'declined'
ORDER BY questions.at DESC NULLS LAST, questions.id DESC NULLS LAST LIMIT :last
"""

DRAFTS = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND person = :person AND draft IS NOT NULL
ORDER BY at DESC, id DESC LIMIT 1
"""


def list_questions(sql: Sql, place: ThreadKey, last: int) -> list[PastQuestion]:
    """The last questions of a thread, or of a channel, oldest first."""
    query = QUESTIONS.format(thread="AND questions.thread = :thread" if place.thread else "")
    rows = sql.many(query, {**thread_values(place), "last": last})
    return [_read_past_question(row) for row in reversed(rows)]


def find_draft(sql: Sql, key: ThreadKey, person: str, name: str | None) -> Draft | None:
    """What a person tried in a command, else last in the channel, within a day."""
    row = find_question(sql, key, name) if name else sql.one(DRAFTS, {**thread_values(key), "person": person})
    return read_draft(row) if row and row["person"] == person and row["at"] > stamp(sql.now() - POSTABLE_FOR) else None


def _read_past_question(row: Row) -> PastQuestion:
    final = None if row["notice"] else read_final_text(row)
    kept = final if final and final.text.strip() else None
    return PastQuestion(read_question(row), bool(row["rooted"]), row["words"], kept, row["micro_usd"])


class TrialRepository:
    """Keeps the protocol `Trials`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list_questions(self, place: ThreadKey, last: int) -> Sequence[PastQuestion]:
        return await self._engine.unit(lambda sql: list_questions(sql, place, last))

    async def find_draft(self, key: ThreadKey, person: str, name: str | None = None) -> Draft | None:
        return await self._engine.unit(lambda sql: find_draft(sql, key, person, name))
