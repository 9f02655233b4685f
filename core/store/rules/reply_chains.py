"""A branch: a message, what it replies to, and the replies of ours on the way."""

from sqlite_utils import Database

from core.domain.messages import ThreadKey
from core.store.rules.question_rows import place

# One page brings its whole reply along, and everything that this reply answers.
BRANCH = """
WITH RECURSIVE branch (message) AS (
    SELECT :message
    UNION
    SELECT together.name FROM questions JOIN questions AS together
        ON together.workspace = :workspace AND together.channel = :channel AND together.reply = questions.reply
    WHERE questions.workspace = :workspace AND questions.channel = :channel AND questions.name = :message
    UNION
    SELECT messages.parent FROM branch JOIN messages
        ON messages.workspace = :workspace AND messages.channel = :channel AND messages.message = branch.message
    WHERE messages.parent IS NOT NULL
    UNION
    SELECT page.message FROM branch JOIN messages
        ON messages.workspace = :workspace AND messages.channel = :channel AND messages.message = branch.message
    JOIN messages AS page
        ON page.workspace = :workspace AND page.channel = :channel AND page.answers = messages.answers
    UNION
    SELECT questions.name FROM branch JOIN messages
        ON messages.workspace = :workspace AND messages.channel = :channel AND messages.message = branch.message
    JOIN questions
        ON questions.workspace = :workspace AND questions.channel = :channel AND questions.reply = messages.answers
)
SELECT message FROM branch
"""


def branch(db: Database, key: ThreadKey, message: str) -> set[str]:
    """The names of `message` and all that leads to it, in its channel."""
    return {row["message"] for row in db.query(BRANCH, {**place(key), "message": message})}
