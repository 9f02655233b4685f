"""Forgetting: of a workspace, a channel, a thread or a person no word is left, and none comes back."""

from dataclasses import asdict

from core.billing.ledger_rows import Scope
from core.store.audit_log import AuditAction, AuditEntry
from core.store.places.advisory_locks import lock_channel, lock_claims
from core.store.places.audit import record_audit
from core.store.places.bot_answers import erase_bot_answers
from core.store.places.channel_notes import erase_notes
from core.store.places.posts import erase_posts
from core.store.places.schedules import erase_schedules
from core.store.rules.drafts import erase_known_files
from core.store.rules.erasures import erase_read_results, record_erasure, record_forgotten
from core.store.rules.feedback import ASKED_BY
from core.store.rules.files import release_forgotten_files
from core.store.rules.jobs.erasures import forget_jobs
from core.store.rules.private_answers import drop_private_answers
from core.store.rules.questions import erase_calls, withdraw_questions
from core.store.rules.summaries import drop_all_summaries
from core.store.sql_port import Sql, Values, stamp

CHANNELS = "SELECT DISTINCT channel FROM threads WHERE workspace = :workspace ORDER BY channel"

OPEN = "SELECT * FROM questions WHERE outcome IS NULL AND command IS NULL AND {scope}"

NAMES = "DELETE FROM told WHERE {scope}"

MESSAGES = """
UPDATE messages SET text = '', attachments = '[]', quotes = '[]', speaker = '', deleted_at = :at
WHERE deleted_at IS NULL AND {scope}
"""

ANSWERS = """
UPDATE questions SET said = NULL, cut = NULL, made = NULL, draft = NULL,
command = CASE WHEN command IS NOT NULL THEN '' END
WHERE outcome IS NOT NULL AND {scope}
"""

CALLS = """
DELETE FROM tool_calls WHERE EXISTS (
    SELECT 1 FROM questions WHERE questions.workspace = tool_calls.workspace
    AND questions.channel = tool_calls.channel AND questions.name = tool_calls.question
    AND questions.outcome IS NOT NULL AND {scope}
)
"""

# Of an answer that is being given anew: what stood there before.
EARLIER = "UPDATE questions SET earlier = NULL WHERE outcome IS NULL AND earlier IS NOT NULL AND {scope}"

# A command without a word but its name, and the reply to it, are nobody's words.
HELD = """
SELECT 1 AS held FROM questions
WHERE outcome IS NOT NULL AND (coalesce(said, '') <> '' OR coalesce(command, '') <> '')
AND coalesce(lower(trim(command)), '') NOT LIKE 'forget%' AND {scope} LIMIT 1
"""

# A person's: with the answers that others were given together with that person.
TOGETHER = """EXISTS (
    SELECT 1 FROM questions AS asked WHERE asked.workspace = questions.workspace
    AND asked.channel = questions.channel AND asked.reply = questions.reply AND asked.person = :person
)"""

VOTES = "DELETE FROM votes WHERE {scope}"

GRANTS = "DELETE FROM tool_grants WHERE {scope}"

# The rest of an answer that is erased is of its words, whoever let it go on.
RESTS = """
SELECT * FROM questions
WHERE continues IS NOT NULL AND (outcome IS NULL OR said IS NOT NULL) AND EXISTS (
    SELECT 1 FROM questions AS begun WHERE begun.workspace = questions.workspace
    AND begun.channel = questions.channel AND begun.name = questions.continues
    AND begun.outcome IS NOT NULL AND begun.said IS NULL
) AND {scope}
"""

PAGES = """
UPDATE messages SET text = '', attachments = '[]', quotes = '[]', speaker = '', deleted_at = :at
WHERE deleted_at IS NULL AND workspace = :workspace AND channel = :channel AND answers = :name
"""

# What tools made for an open one is deleted at Anthropic when it closes.
ERASE_ANSWER = """
UPDATE questions SET said = NULL, cut = NULL, earlier = NULL, draft = NULL,
made = CASE WHEN outcome IS NULL THEN made END
WHERE id = :id
"""

ERASE_VOTES = "DELETE FROM votes WHERE workspace = :workspace AND channel = :channel AND question = :name"

BY_PERSON = {
    GRANTS: "person = :person",
    VOTES: f"(person = :person OR {ASKED_BY})",
    RESTS: "TRUE",
    OPEN: "person = :person",
    NAMES: """(
        kind = 'person' AND (subject = :person OR substr(subject, 1, length(:person) + 1) = :person || '/')
        OR kind = 'zone' AND EXISTS (
            SELECT 1 FROM questions WHERE questions.workspace = told.workspace AND questions.channel = told.channel
            AND questions.name = told.subject AND questions.person = :person
        )
        OR kind = 'container' AND EXISTS (
            SELECT 1 FROM questions WHERE questions.workspace = told.workspace AND questions.channel = told.channel
            AND questions.thread = told.thread AND questions.person = :person
        )
    )""",
    MESSAGES: """(author = :person OR EXISTS (
        SELECT 1 FROM questions WHERE questions.workspace = messages.workspace
        AND questions.channel = messages.channel AND questions.reply = messages.answers AND questions.person = :person
    ))""",
    HELD: TOGETHER,
    ANSWERS: TOGETHER,
    CALLS: TOGETHER,
    EARLIER: TOGETHER,
}


def forget(sql: Sql, scope: Scope, by: str) -> int:
    """Erase the words of a scope, as somebody wants it. How many messages.

    Tombstones and closed questions stay, without a word, so that what comes late does not rise or ask again.
    """
    _lock_scope(sql, scope)
    now = sql.now()
    values = {**asdict(scope), "at": stamp(now)}
    record_forgotten(sql, scope, now)
    withdrawn = withdraw_questions(sql, sql.many(_within(OPEN, scope), values))
    summaries = drop_all_summaries(sql, scope.workspace, scope.channel)
    names = sql.count_changes(_within(NAMES, scope), values)
    count = sql.count_changes(_within(MESSAGES, scope), values)
    release_forgotten_files(sql, scope.workspace, scope.channel)
    held = sql.one(_within(HELD, scope), values)
    sql.execute(_within(ANSWERS, scope), values)
    sql.execute(_within(CALLS, scope), values)
    sql.execute(_within(EARLIER, scope), values)
    sql.execute(_within(VOTES, scope), values)
    sql.execute(_within(GRANTS, scope), values)
    drop_private_answers(sql, scope.workspace, scope.channel)  # which may quote what is forgotten
    count += _erase_rests(sql, _within(RESTS, scope), values)
    erase_read_results(sql, scope.workspace, scope.channel)  # also where it quotes what is kept nowhere else
    count += erase_known_files(sql, scope.workspace, channel=scope.channel, thread=scope.thread, author=scope.person)
    forget_jobs(sql, scope)
    erase_posts(sql, scope)
    erase_bot_answers(sql, scope)
    noted, scheduled = erase_notes(sql, scope), erase_schedules(sql, scope)
    if withdrawn or summaries or names or count or held or noted or scheduled:
        record_erasure(sql, scope.workspace, scope.channel, now)
    place, details = {"channel": scope.channel, "thread": scope.thread}, {"messages": count}
    action, subject = AuditAction.FORGET, scope.person or ""
    record_audit(sql, AuditEntry(scope.workspace, now, by, action, **place, subject=subject, details=details))
    return count


def _erase_rests(sql: Sql, statement: str, values: Values) -> int:
    """Erase the answers that go on with what is erased, and those that go on with them. How many messages."""
    count = 0
    while rests := sql.many(statement, values):
        withdraw_questions(sql, rests)
        for row in rests:
            count += sql.count_changes(PAGES, {**row, "at": values["at"]})
            sql.execute(ERASE_ANSWER, row)
            if row["outcome"] is not None:
                erase_calls(sql, row)
            sql.execute(ERASE_VOTES, row)
        if all(row["outcome"] is None for row in rests):  # what is being answered ends by itself
            break
    return count


def _lock_scope(sql: Sql, scope: Scope) -> None:
    lock_claims(sql)
    channels = [row["channel"] for row in sql.many(CHANNELS, {"workspace": scope.workspace})]
    for channel in channels if scope.channel is None else [scope.channel]:
        lock_channel(sql, scope.workspace, channel)


def _within(statement: str, scope: Scope) -> str:
    """The statement for the rows of a scope."""
    place = {"workspace": scope.workspace, "channel": scope.channel, "thread": scope.thread}
    conditions = [f"{name} = :{name}" for name, value in place.items() if value is not None]
    if scope.person is not None:
        conditions.append(BY_PERSON[statement])
    return statement.format(scope=" AND ".join(conditions))
