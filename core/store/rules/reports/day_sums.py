"""Day sums: what the requests of each ended day came to, kept by group, so that a long report adds up few rows.

A settled request never changes, and none begins in a day that is over, but by a clock that is behind. So the sums of a
day hold for good once none of its requests is under way. They are kept by `day_sum_progress`; here they are read, and
the requests of all other days are counted, a part at a time, so that nobody waits for all of them.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from core.billing.ledger_rows import UsageRow
from core.domain.usage import Usage
from core.store.records.reports.activity import DayCost
from core.store.records.reports.day_sums import Day, DayPart, Sums
from core.store.rules.ledger import COUNTS, KINDS
from core.store.rules.reports.day_parts import NUMBERS, add_sums, count_parts
from core.store.sql_port import Engine, Sql, stamp

COST = "miss"  # the dimension of the fewest groups
END = "9"  # after every time
TOGETHER = 10  # days that are read in a unit of work, each with up to thousands of groups

KEPT = """
SELECT since, until, sums FROM day_sums WHERE workspace = :workspace AND dimension = :by
AND since >= :since AND since <= :last AND until <= (SELECT until FROM day_sum_progress WHERE workspace = :workspace)
"""

Parts = Mapping[Day, list[Sums | str]]
"""The sums of the parts of each day; as they are kept, where all of one is."""


async def sum_usage_of_days(engine: Engine, workspace: str, midnights: Sequence[datetime], by: str) -> list[UsageRow]:
    """Lines by group, in the order of their names, from the first of these midnights until now."""
    found = await _load_parts(engine, workspace, midnights, by)
    return await asyncio.to_thread(_make_rows, [part for parts in found.values() for part in parts])


async def sum_usage_by_day(engine: Engine, workspace: str, midnights: Sequence[datetime]) -> list[UsageRow]:
    """A line for each of these days that has requests, by its date where it begins."""
    found = await _load_parts(engine, workspace, midnights, COST)
    days = zip(midnights, map(_make_rows, found.values()), strict=True)
    return [sum(rows, UsageRow(f"{begins:%Y-%m-%d}", 0, 0, Usage())) for begins, rows in days if rows]


async def sum_costs_of_days(engine: Engine, workspace: str, midnights: Sequence[datetime]) -> list[DayCost]:
    """What the requests of each of these days came to."""
    found = await _load_parts(engine, workspace, midnights, COST)
    return [sum((_make_cost(row) for row in _make_rows(parts)), DayCost()) for parts in found.values()]


def list_days(midnights: Sequence[datetime]) -> list[Day]:
    """The days that begin with these midnights; the last one lasts."""
    starts = [stamp(one) for one in midnights]
    return list(zip(starts, [*starts[1:], END], strict=True))


async def _load_parts(engine: Engine, workspace: str, midnights: Sequence[datetime], by: str) -> Parts:
    """What is kept of these days, and what is counted of all others, which need not be of one moment."""
    days = list_days(midnights)
    kept: dict[Day, str] = {}
    for first in range(0, len(days), TOGETHER):
        some = days[first : first + TOGETHER]
        kept |= await engine.unit(partial(_read_kept, workspace=workspace, days=some, by=by))
    found: Parts = {day: [kept[day]] if day in kept else [] for day in days}
    left = [DayPart(day, *day) for day in days if day not in kept]
    while left:
        counted, left = await engine.unit(partial(count_parts, workspace=workspace, left=left, dimensions=[by]))
        for part, (sums,) in counted:
            found[part.day].append(sums)
    return found


def _read_kept(sql: Sql, workspace: str, days: Sequence[Day], by: str) -> dict[Day, str]:
    rows = sql.many(KEPT, {"workspace": workspace, "by": by, "since": days[0][0], "last": days[-1][0]})
    return {(row["since"], row["until"]): row["sums"] for row in rows}


def _make_rows(parts: Iterable[Sums | str]) -> list[UsageRow]:
    """The sums of all these parts together."""
    whole: dict[str, Sequence[int]] = {}
    for part in parts:
        add_sums(whole, json.loads(part) if isinstance(part, str) else part)
    return [_make_row(name, dict(zip(NUMBERS, numbers, strict=True))) for name, numbers in sorted(whole.items())]


def _make_row(name: str, numbers: Mapping[str, int]) -> UsageRow:
    usage = Usage(**{kind: numbers[kind] for kind in KINDS})
    return UsageRow(name, usage=usage, **{count: numbers[count] for count in COUNTS})


def _make_cost(row: UsageRow) -> DayCost:
    return DayCost(row.requests, row.micro_usd, row.saved, row.usage.prompt, row.usage.cache_read)
