"""Reply chains: a message, its ancestors, and our replies on the way (a recursive query over one channel)."""

from core.domain.messages import ThreadKey
from core.store.rules.questions import find_question, thread_key, thread_values
from core.store.sql_port import Row, Sql

LONGEST = 5_000  # messages of a chain, those nearest to its end

COMPANIONS = """
SELECT companions.name FROM questions JOIN questions AS companions
    ON companions.workspace = questions.workspace AND companions.channel = questions.channel
    AND companions.reply = questions.reply
WHERE questions.workspace = :workspace AND questions.channel = :channel AND questions.name = :message
"""

# An answer that goes on with another has a question without a message.
SEED = """
SELECT message FROM messages WHERE workspace = :workspace AND channel = :channel AND {messages}
UNION SELECT name FROM questions
WHERE workspace = :workspace AND channel = :channel AND continues IS NOT NULL AND {names}
"""

MESSAGE = "messages.workspace = :workspace AND messages.channel = :channel AND messages.message = chain.message"

PARENT = """
SELECT parent FROM messages WHERE workspace = :workspace AND channel = :channel AND message = :name
"""

LATER = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND command IS NULL AND NOT private
AND (at, id) > (:at, :id) AND reply IS DISTINCT FROM :name
AND (outcome IS NULL OR (coalesce(said, '') <> '' AND ({told})))
"""

# One page brings its whole reply along, and everything that this reply answers, or the reply that it goes on with.
STEPS = (
    ("messages.parent", "messages", f"{MESSAGE} AND messages.parent IS NOT NULL"),
    (
        "page.message",
        "messages JOIN messages AS page ON page.workspace = messages.workspace AND page.channel = messages.channel "
        "AND page.answers = messages.answers",
        f"{MESSAGE} AND messages.answers IS NOT NULL",
    ),
    (
        "questions.name",
        "messages JOIN questions ON questions.workspace = messages.workspace "
        "AND questions.channel = messages.channel AND questions.reply = messages.answers",
        f"{MESSAGE} AND messages.answers IS NOT NULL",
    ),
    (
        "page.message",
        "questions JOIN messages AS page ON page.workspace = questions.workspace AND page.channel = questions.channel "
        "AND page.answers = questions.continues",
        "questions.workspace = :workspace AND questions.channel = :channel AND questions.name = chain.message "
        "AND questions.continues IS NOT NULL",
    ),
)


def trace_chain(sql: Sql, key: ThreadKey, message: str, companions: bool = True) -> set[str]:
    """The names of `message` and all that leads to it, in its channel.

    At most `LONGEST`, those nearest to it. Without `companions`, what is answered together with it is left out.
    """
    values = {**thread_values(key), "message": message}
    seeds = [message, *(row["name"] for row in (sql.many(COMPANIONS, values) if companions else ()))]
    seed = SEED.format(messages=sql.among("message", "seeds"), names=sql.among("name", "seeds"))
    statement = sql.recursive("chain", "message", seed, STEPS, "longest")
    return {*seeds, *(row["message"] for row in sql.many(statement, {**values, "seeds": seeds, "longest": LONGEST}))}


class WaitingChains:
    """The reply chains of questions that wait. What they have in common is read once."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._known: dict[tuple[str, str, str], set[str]] = {}

    def find_parent(self, row: Row) -> str | None:
        """The message that the question replies to."""
        found = self._sql.one(PARENT, row)
        return found["parent"] if found else None

    def trace(self, row: Row) -> set[str]:
        """The names of the question and of all that leads to it."""
        parent = self.find_parent(row)
        chain = {row["name"]} if parent is None else {row["name"], *self._trace_parent(thread_key(row), parent)}
        self._known[row["workspace"], row["channel"], row["name"]] = chain
        return chain

    def _trace_parent(self, key: ThreadKey, name: str) -> set[str]:
        place = key.workspace, key.channel, name
        if place not in self._known:
            self._known[place] = trace_chain(self._sql, key, name, companions=False)
        return self._known[place]


def has_later(sql: Sql, reply: Row, told: str) -> bool:
    """Whether the conversation went on: something later is being answered, or was, as far as the condition says."""
    later = sql.many(LATER.format(told=told), reply)
    return any(_is_same_conversation(sql, reply, row) for row in later)


def _is_same_conversation(sql: Sql, reply: Row, later: Row) -> bool:
    """Whether a later question of the thread belongs to what this reply stands in: of reply chains, leads to it."""
    chains = WaitingChains(sql)
    chained = [chains.find_parent(_find_first(sql, row)) is not None for row in (reply, later)]
    if not chained[1]:
        return not chained[0]
    return bool(reply["name"] in trace_chain(sql, thread_key(later), later["name"]))


def _find_first(sql: Sql, row: Row) -> Row:
    """The question that somebody said, of those that only go on with its answer."""
    while row["continues"] and (before := find_question(sql, thread_key(row), row["continues"])):
        row = before
    return row
