"""Day parts: requests of some days are counted in units of work of a bounded size, the newest first."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from core.store.records.reports.day_sums import DayPart, Sums
from core.store.rules.ledger import COUNTS, GROUPS, KINDS, USED
from core.store.sql_port import Sql

ROOM = 2_000  # requests of a unit of work: some ten milliseconds, also where they are counted by five dimensions
NUMBERS = (*COUNTS, *KINDS)

NEWEST = """
SELECT count(*) AS count, min(at) AS first FROM (
    SELECT at FROM requests WHERE workspace = :workspace AND at >= :since AND at < :until ORDER BY at DESC LIMIT :most
) AS newest
"""


def count_parts(
    sql: Sql, workspace: str, left: Sequence[DayPart], dimensions: Sequence[str]
) -> tuple[list[tuple[DayPart, list[Sums]]], list[DayPart]]:
    """The sums of the newest of these parts, by each dimension, as many as fit; and which parts are left then."""
    taken, left = _take_newest(sql, workspace, left)
    found = sql.many_each(*(_ask(workspace, part, by) for part, by in product(taken, dimensions)))
    sums = [{row["name"]: [row[name] for name in NUMBERS] for row in rows} for rows in found]
    each = len(dimensions)
    return [(part, [*sums[number * each : (number + 1) * each]]) for number, part in enumerate(taken)], left


def add_sums(whole: dict[str, Sequence[int]], sums: Sums) -> None:
    """Add the sums of each group to those that are known of it."""
    for name, numbers in sums.items():
        known = whole.get(name)
        whole[name] = numbers if known is None else [a + b for a, b in zip(known, numbers, strict=True)]


def _take_newest(sql: Sql, workspace: str, parts: Sequence[DayPart]) -> tuple[list[DayPart], list[DayPart]]:
    """The newest parts that fit, newest first; of one that does not fit its end. And what is left, oldest first."""
    left, taken, room = [*parts], list[DayPart](), ROOM
    while left and room:
        run = _find_newest_run(left)
        values = {"workspace": workspace, "since": run[0].since, "until": run[-1].until, "most": room}
        newest = sql.one(NEWEST, values)
        assert newest is not None
        cut = newest["first"] if newest["count"] == room else ""
        taken += [replace(one, since=max(one.since, cut)) for one in run[::-1] if one.until > cut]
        left[-len(run) :] = [replace(one, until=min(one.until, cut)) for one in run if one.since < cut]
        room -= newest["count"]
    return taken, left


def _find_newest_run(parts: Sequence[DayPart]) -> Sequence[DayPart]:
    """The last parts without a gap between them."""
    first = len(parts) - 1
    while first and parts[first - 1].until == parts[first].since:
        first -= 1
    return parts[first:]


def _ask(workspace: str, part: DayPart, by: str) -> tuple[str, dict[str, str]]:
    statement = USED.format(group=GROUPS[by], scope="workspace = :workspace AND at < :until")
    return statement, {"workspace": workspace, "since": part.since, "until": part.until}
