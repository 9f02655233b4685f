"""Reply chains: a message, its ancestors, and our replies on the way (a recursive query over one channel)."""

from core.domain.messages import ThreadKey
from core.store.rules.questions import thread_values
from core.store.sql import Sql

TOGETHER = """
SELECT companions.name FROM questions JOIN questions AS companions
    ON companions.workspace = questions.workspace AND companions.channel = questions.channel
    AND companions.reply = questions.reply
WHERE questions.workspace = :workspace AND questions.channel = :channel AND questions.name = :message
"""

SEED = "SELECT message FROM messages WHERE workspace = :workspace AND channel = :channel AND {seeds}"

MESSAGE = "messages.workspace = :workspace AND messages.channel = :channel AND messages.message = chain.message"

# One page brings its whole reply along, and everything that this reply answers.
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
)


def trace_chain(sql: Sql, key: ThreadKey, message: str) -> set[str]:
    """The names of `message` and all that leads to it, in its channel."""
    values = {**thread_values(key), "message": message}
    seeds = [message, *(row["name"] for row in sql.many(TOGETHER, values))]
    statement = sql.recursive("chain", "message", SEED.format(seeds=sql.among("message", "seeds")), STEPS)
    return {*seeds, *(row["message"] for row in sql.many(statement, {**values, "seeds": seeds}))}
