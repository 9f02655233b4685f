"""Forgetting: of a workspace, a channel, a thread or a person no word is left, and none comes back."""

from dataclasses import asdict
from datetime import datetime

from sqlite_utils import Database

from core.billing.usage import Scope
from core.store.rules.erased import erased, remember
from core.store.rules.moments import stamp
from core.store.rules.question_rows import withdraw

OPEN = """
SELECT * FROM questions WHERE outcome IS NULL AND command IS NULL AND workspace = :workspace
AND (:channel IS NULL OR channel = :channel) AND (:thread IS NULL OR thread = :thread)
AND (:person IS NULL OR person = :person)
"""

UNTELL = """
DELETE FROM told WHERE workspace = :workspace
AND (:channel IS NULL OR channel = :channel) AND (:thread IS NULL OR thread = :thread)
AND (:person IS NULL OR (kind = 'person' AND subject = :person) OR (kind = 'attachment' AND subject IN (
    SELECT attachment.value ->> 'id' FROM messages, json_each(messages.attachments) AS attachment
    WHERE messages.workspace = :workspace AND messages.author = :person
)))
"""

BURY = """
UPDATE messages SET text = '', attachments = '[]', deleted_at = :at
WHERE deleted_at IS NULL AND workspace = :workspace
AND (:channel IS NULL OR channel = :channel) AND (:thread IS NULL OR thread = :thread)
AND (:person IS NULL OR author = :person OR EXISTS (
    SELECT 1 FROM questions WHERE questions.workspace = messages.workspace
    AND questions.channel = messages.channel AND questions.reply = messages.answers AND questions.person = :person
))
"""

# A command that has no word but its name, and what it was answered, are nobody's words.
SAID = """
SELECT count(*) FROM questions
WHERE outcome IS NOT NULL AND (coalesce(said, '') <> '' OR coalesce(command, '') <> '')
AND coalesce(lower(trim(command)), '') <> 'forget' AND workspace = :workspace
AND (:channel IS NULL OR channel = :channel) AND (:thread IS NULL OR thread = :thread)
AND (:person IS NULL OR EXISTS (
    SELECT 1 FROM questions AS asked WHERE asked.workspace = questions.workspace
    AND asked.channel = questions.channel AND asked.reply = questions.reply AND asked.person = :person
))
"""

UNSAY = """
UPDATE questions SET said = NULL, command = CASE WHEN command IS NOT NULL THEN '' END
WHERE outcome IS NOT NULL AND workspace = :workspace
AND (:channel IS NULL OR channel = :channel) AND (:thread IS NULL OR thread = :thread)
AND (:person IS NULL OR EXISTS (
    SELECT 1 FROM questions AS asked WHERE asked.workspace = questions.workspace
    AND asked.channel = questions.channel AND asked.reply = questions.reply AND asked.person = :person
))
"""


def forget(db: Database, scope: Scope, now: datetime) -> int:
    """Graves and closed questions stay, without a word, so that what comes late does not rise or ask again."""
    where = {**asdict(scope), "at": stamp(now)}
    remember(db, scope, now)
    withdrawn = withdraw(db, list(db.query(OPEN, where)), now)
    untold = db.execute(UNTELL, where).rowcount
    count = db.execute(BURY, where).rowcount
    (said,) = db.execute(SAID, where).fetchone()
    db.execute(UNSAY, where)
    if withdrawn or untold or count or said:
        erased(db, scope.workspace, scope.channel, now)
    return count
