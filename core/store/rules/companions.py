"""Companions: the questions that one answer answers together, all of one person, in the order in which they wait."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from core.domain.messages import ThreadKey
from core.store.rules.questions import find_question, thread_key, thread_values
from core.store.rules.reply_chains import WaitingChains
from core.store.sql_port import Row, Sql, Values

TOGETHER = 256  # questions that one answer answers; more wait for the next one

# Commands and private questions wait for nobody in a thread, and nobody for them.
WAITING = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND outcome IS NULL
AND claim IS NULL AND command IS NULL AND NOT private
ORDER BY at, id LIMIT :most
"""


def gather_companions(sql: Sql, lead: Row) -> list[Row]:
    """The oldest question that waits in the thread of `lead` and those that the same person asked behind it, in its
    reply chain, until somebody else asked; `lead` alone where it waits for no other. None where nothing waits any more.
    """
    if lead["claim"] is not None or lead["command"] is not None or lead["private"]:
        again = find_question(sql, thread_key(lead), lead["name"])
        return [again] if again and again["outcome"] is None else []
    waiting = sql.many(*build_waiting_query(thread_key(lead)))
    if waiting and (bound := waiting[0]["reply"]):  # they were answered together, and are again
        return sorted((row for row in waiting if row["reply"] == bound), key=lambda row: bool(row["name"] != bound))
    return [*waiting[:1], *_choose_behind(sql, waiting[:1], waiting[1:])]


def build_waiting_query(key: ThreadKey) -> tuple[str, Values]:
    """What waits in a thread, in order."""
    return WAITING, {**thread_values(key), "most": TOGETHER}


def choose_additions(sql: Sql, rows: Sequence[Row], waiting: Sequence[Row]) -> list[Row]:
    """Of what waits in their thread, what has come behind these questions, the first of which leads, and is to be
    answered with them.
    """
    lead = rows[0]
    if lead["command"] is not None or lead["private"] or lead["told"] is not None:  # what was parked stays as it was
        return []
    if waiting and (waiting[0]["at"], waiting[0]["id"]) < (lead["at"], lead["id"]):  # heard late: nothing overtakes it
        return []
    return _choose_behind(sql, rows, waiting[: TOGETHER - len(rows)])


def _is_apart(row: Row) -> bool:
    """Whether its answer has a place of its own, where no later question is answered with it."""
    return bool(row["alone"] or row["continues"] or row["earlier"])


def _choose_behind(sql: Sql, rows: Sequence[Row], behind: Iterable[Row]) -> list[Row]:
    behind = takewhile(lambda row: bool(row["person"] == rows[0]["person"]), behind)
    same = [row for row in behind if not (_is_apart(row) or row["reply"])]
    if not same or _is_apart(rows[0]):
        return []
    chains = WaitingChains(sql)
    if not any(chains.find_parent(row) for row in (*rows, *same)):
        return same
    chosen: list[tuple[str, set[str]]] = [(row["name"], chains.trace(row)) for row in rows]
    return [row for row in same if _joins_chain(row, chains.trace(row), chosen)]


def _joins_chain(row: Row, chain: set[str], chosen: list[tuple[str, set[str]]]) -> bool:
    """Whether `row` leads to each of the chosen, or they to it; then it is chosen too."""
    if any(name not in chain and row["name"] not in other for name, other in chosen):
        return False
    chosen.append((row["name"], chain))
    return True
