"""Day sums: what the requests of each ended day came to, kept by group, so that a long report adds up few rows.

A settled request never changes, and none begins in a day that is over. So the sums of a day hold for good once none of
its requests is under way; until then that day is counted anew each time.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from core.billing.ledger_rows import UsageRow
from core.domain.usage import Usage
from core.store.records.reports.activity import DayCost
from core.store.rules.ledger import COUNTS, GROUPS, KINDS, USED
from core.store.sql_port import Engine, Sql, parse_stamp, stamp

LATE = timedelta(hours=1)  # after a day, in which a process whose clock is behind may still begin a request of it
KEPT = timedelta(days=100)  # longer than any page looks back
END = "9"  # after every time
NUMBERS = (*COUNTS, *KINDS)
COST = "miss"  # has the fewest groups

UNDER_WAY = """
SELECT 1 FROM requests WHERE workspace = :workspace AND at >= :since AND at < :until AND state = 'reserved' LIMIT 1
"""
STANDING = """
SELECT since, until{sums} FROM day_sums WHERE workspace = :workspace AND dimension = :by AND since >= :since
"""
DROP_OLD = "DELETE FROM day_sums WHERE workspace = :workspace AND since < :oldest"

Day = tuple[str, str]
"""When it begins, and when the next one does."""
Sums = Mapping[str, Sequence[int]]
"""`NUMBERS` of each group."""


async def sum_usage_of_days(engine: Engine, workspace: str, midnights: Sequence[datetime], by: str) -> list[UsageRow]:
    """Lines by group, in the order of their names, from the first of these midnights until now."""
    days = await _keep_days(engine, workspace, midnights, by)
    return await engine.unit(lambda sql: _make_rows(_read_days(sql, workspace, days, by)))


async def sum_usage_by_day(engine: Engine, workspace: str, midnights: Sequence[datetime]) -> list[UsageRow]:
    """A line for each of these days that has requests, by its date where it begins."""
    days = await _keep_days(engine, workspace, midnights, COST)
    found = await engine.unit(lambda sql: _read_days(sql, workspace, days, COST))
    nothing = (UsageRow(f"{one:%Y-%m-%d}", 0, 0, Usage()) for one in midnights)
    return [sum(_make_rows([sums]), empty) for empty, sums in zip(nothing, found, strict=True) if sums]


async def sum_costs_of_days(engine: Engine, workspace: str, midnights: Sequence[datetime]) -> list[DayCost]:
    """What the requests of each of these days came to."""
    days = await _keep_days(engine, workspace, midnights, COST)
    found = await engine.unit(lambda sql: _read_days(sql, workspace, days, COST))
    return [sum((_make_cost(row) for row in _make_rows([one])), DayCost()) for one in found]


async def _keep_days(engine: Engine, workspace: str, midnights: Sequence[datetime], by: str) -> list[Day]:
    """Keep the sums of the days that have none yet, each in a unit of its own, so that nobody waits for all of them."""
    starts = [stamp(one) for one in midnights]
    days = list(zip(starts, [*starts[1:], END], strict=True))
    for day in await engine.unit(lambda sql: _list_missing(sql, workspace, days, by)):
        await engine.unit(partial(_keep_day, workspace=workspace, day=day, by=by))
    return days


def _list_missing(sql: Sql, workspace: str, days: Sequence[Day], by: str) -> list[Day]:
    """The days that are over and have no sums."""
    values = {"workspace": workspace, "by": by, "since": days[0][0]}
    standing = {(row["since"], row["until"]) for row in sql.many(STANDING.format(sums=""), values)}
    over = stamp(sql.now() - LATE)
    return [day for day in days if day not in standing and day[1] <= over]


def _keep_day(sql: Sql, workspace: str, day: Day, by: str) -> None:
    """Keep the sums of a day, unless a request of it is under way."""
    since, until = day
    values = {"workspace": workspace, "since": since, "until": until}
    if sql.one(UNDER_WAY, values):
        return
    sums = json.dumps(_sum_day(sql, workspace, day, by), separators=(",", ":"))
    sql.insert_new("day_sums", {**values, "dimension": by, "sums": sums})
    sql.execute(DROP_OLD, {"workspace": workspace, "oldest": stamp(min(parse_stamp(since), sql.now() - KEPT))})


def _read_days(sql: Sql, workspace: str, days: Sequence[Day], by: str) -> list[Sums]:
    """The sums of each of these days, kept or counted."""
    values = {"workspace": workspace, "by": by, "since": days[0][0]}
    rows = sql.many(STANDING.format(sums=", sums"), values)
    standing = {(row["since"], row["until"]): row["sums"] for row in rows}
    return [json.loads(standing[day]) if day in standing else _sum_day(sql, workspace, day, by) for day in days]


def _sum_day(sql: Sql, workspace: str, day: Day, by: str) -> Sums:
    statement = USED.format(group=GROUPS[by], scope="workspace = :workspace AND at < :until")
    rows = sql.many(statement, {"workspace": workspace, "since": day[0], "until": day[1]})
    return {row["name"]: [row[name] for name in NUMBERS] for row in rows}


def _make_rows(days: Iterable[Sums]) -> list[UsageRow]:
    """The sums of several days together."""
    whole: dict[str, Sequence[int]] = {}
    for sums in days:
        for name, numbers in sums.items():
            known = whole.get(name)
            whole[name] = numbers if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
    return [_make_row(name, dict(zip(NUMBERS, numbers, strict=True))) for name, numbers in sorted(whole.items())]


def _make_row(name: str, numbers: Mapping[str, int]) -> UsageRow:
    usage = Usage(**{kind: numbers[kind] for kind in KINDS})
    return UsageRow(name, usage=usage, **{count: numbers[count] for count in COUNTS})


def _make_cost(row: UsageRow) -> DayCost:
    return DayCost(row.requests, row.micro_usd, row.saved, row.usage.prompt, row.usage.cache_read)
