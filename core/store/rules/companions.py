"""Companions: the questions that one answer answers together, all of one person, in the order in which they wait."""

from collections.abc import Sequence
from itertools import takewhile

from core.store.rules.reply_chains import WaitingChains
from core.store.sql_port import Row, Sql

TOGETHER = 256  # questions that one answer answers; more wait for the next one

# Commands and private questions wait for nobody in a thread, and nobody for them.
WAITING = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND outcome IS NULL
AND claim IS NULL AND command IS NULL AND NOT private AND (at, id) > (:at, :id)
ORDER BY at, id LIMIT :most
"""

OLDEST = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND outcome IS NULL
AND claim IS NULL AND command IS NULL AND NOT private
ORDER BY at, id LIMIT 1
"""


def find_oldest(sql: Sql, row: Row) -> Row:
    """The oldest question that waits in the thread of `row`; `row` itself where it waits for no other."""
    if row["claim"] is not None or row["command"] is not None or row["private"]:
        return row
    return sql.one(OLDEST, row) or row


def gather_companions(sql: Sql, lead: Row) -> list[Row]:
    """The oldest question of its thread and those that the same person asked behind it, in its reply chain, until
    somebody else asked.
    """
    return [lead, *_find_behind(sql, [lead])]


def find_additions(sql: Sql, rows: Sequence[Row]) -> list[Row]:
    """What has come behind these questions, the first of which leads, and is to be answered with them."""
    oldest = sql.one(OLDEST, rows[0])
    if oldest and (oldest["at"], oldest["id"]) < (rows[0]["at"], rows[0]["id"]):  # heard late: nothing overtakes it
        return []
    return _find_behind(sql, rows)


def _find_behind(sql: Sql, rows: Sequence[Row]) -> list[Row]:
    lead = rows[0]
    if lead["alone"] or lead["private"] or lead["command"] is not None:
        return []
    behind = sql.many(WAITING, {**lead, "most": TOGETHER - len(rows)})
    same = [row for row in takewhile(lambda row: row["person"] == lead["person"], behind) if not row["alone"]]
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
