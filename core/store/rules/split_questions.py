"""Split questions: messages that add to a question of their author, where each message begins a conversation."""

from datetime import timedelta

from core.domain.events import Posted
from core.domain.messages import ThreadKey
from core.store.rules.questions import thread_key, thread_values
from core.store.sql_port import Sql, stamp

WITHIN = timedelta(seconds=30)  # of the piece before; what comes later is a conversation of its own

# What has no word of an answer yet, neither stored nor on the platform.
ASKED = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND person = :person AND outcome IS NULL AND said IS NULL
AND command IS NULL AND NOT private AND NOT alone AND withdrawn_at IS NULL AND at >= :since AND at <= :at
AND NOT EXISTS (SELECT 1 FROM pages JOIN questions AS lead ON lead.id = pages.question
    WHERE lead.workspace = questions.workspace AND lead.channel = questions.channel AND lead.thread = questions.thread
    AND lead.outcome IS NULL)
ORDER BY at DESC, id DESC LIMIT 1
"""

PIECE = "piece"  # kind of a word about a thread: the message stands beside it on the platform


def find_conversation(sql: Sql, event: Posted) -> ThreadKey | None:
    """The thread whose question the message adds to, while nothing of the answer is visible."""
    if not event.may_add:
        return None
    at, values = event.message.at, thread_values(event.key)
    asked = sql.one(ASKED, {**values, "person": event.message.author, "since": stamp(at - WITHIN), "at": stamp(at)})
    return thread_key(asked) if asked else None


def note_piece(sql: Sql, key: ThreadKey, message: str) -> None:
    """Remember that the platform does not show the message in its thread, so that nobody takes it for deleted."""
    sql.insert_new("told", {**thread_values(key), "kind": PIECE, "subject": message, "words": ""})
