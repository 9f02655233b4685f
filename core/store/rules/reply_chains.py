"""A branch: a message, what it replies to, and the replies of ours on the way."""

from sqlite_utils import Database

from core.domain.messages import ThreadKey
from core.store.rules.question_rows import key_of, place
from core.store.sqlite.connection import Row, one

LONGEST = 5_000  # messages of a branch, those nearest to its end

# One page brings its whole reply along, and everything that this reply answers.
BRANCH = """
WITH RECURSIVE branch (message) AS (
    SELECT :message
    UNION
    SELECT together.name FROM questions JOIN questions AS together
        ON together.workspace = :workspace AND together.channel = :channel AND together.reply = questions.reply
    WHERE :together
    AND questions.workspace = :workspace AND questions.channel = :channel AND questions.name = :message
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
    LIMIT :longest
)
SELECT message FROM branch
"""

PARENT = """
SELECT parent FROM messages WHERE workspace = :workspace AND channel = :channel AND message = :name
"""


def branch(db: Database, key: ThreadKey, message: str, together: bool = True) -> set[str]:
    """The names of `message` and all that leads to it, in its channel; with what is answered `together` with it."""
    values = {**place(key), "message": message, "together": together, "longest": LONGEST}
    return {name for (name,) in db.execute(BRANCH, values)}


class Branches:
    """The branches of questions that wait. What they have in common is read once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[tuple[str, str, str], set[str]] = {}

    def parent(self, row: Row) -> str | None:
        """What the question replies to."""
        found = one(self._db, PARENT, row)
        return found["parent"] if found else None

    def line(self, row: Row) -> set[str]:
        """The names of the question and of all that leads to it."""
        parent = self.parent(row)
        line = {row["name"]} if parent is None else {row["name"], *self._leading(key_of(row), parent)}
        self._known[row["workspace"], row["channel"], row["name"]] = line
        return line

    def _leading(self, key: ThreadKey, name: str) -> set[str]:
        place = key.workspace, key.channel, name
        if place not in self._known:
            self._known[place] = branch(self._db, key, name, together=False)
        return self._known[place]
