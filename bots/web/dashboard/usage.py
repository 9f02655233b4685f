"""Usage: what Claude was asked and what that cost, as a table with bars and as csv."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from aiohttp import web

from bots.web.dashboard.desk import SPANS, USUAL, Desk, choose
from bots.web.dashboard.figures.charts import Chart, Point, draw_columns, measure_bar
from bots.web.dashboard.row_pages import cut_rows
from bots.web.sign_in.guard import VISIT, Visit
from core.billing import reports
from core.billing.budgets import dollars
from core.billing.ledger_rows import Scope, UsageRow
from core.billing.reports import UsageReport

BY = {"channel": "Channel", "person": "Person", "model": "Model", "persona": "Persona", "day": "Day"}
OWN = {"model": "Model", "day": "Day"}  # what tells a person something of their own usage
LINES = 100  # of a page, which stays small; the csv has all
CHARTED = 90  # columns of a chart: the days of the longest span
DEFAULT, UNKNOWN = "default", "unknown"
PERSONAS = {DEFAULT: "No persona was set", UNKNOWN: "Beside answers, or not known"}


async def show_usage(desk: Desk, request: web.Request) -> web.Response:
    """A report, with names; of the workspace for who manages it, else of the reader's own questions."""
    found, by, days, zone = await _load(desk, request)
    visit = request[VISIT]
    page = cut_rows(request, found.lines, LINES)
    most = max((line.micro_usd for line in found.lines), default=0)
    names = await _load_names(desk, visit, by, page.rows)
    misses = await _sum_usage(desk, visit, zone, desk.find_start(days, zone), "miss")
    return desk.render(
        request,
        "dashboard/usage.html",
        lines=[(names.get(one.group, one.group), one, measure_bar(one.micro_usd, most)) for one in page.rows],
        page=page,
        chart=draw_chart(by, page.rows, names),
        total=found.total,
        caveats=reports.describe_caveats(found.total, misses),
        by=by,
        choices_by=BY if visit.owner else OWN,
        days=days,
        spans=SPANS,
        zone=zone,
    )


def draw_chart(by: str, lines: Sequence[UsageRow], names: Mapping[str, str]) -> Chart | None:
    """What stands in an order as columns: days, and the versions of each persona; None for anything else."""
    if by not in {"day", "persona"}:
        return None
    shown = sorted(lines[-CHARTED:] if by == "day" else lines[:CHARTED], key=_order_group)
    called = ((names.get(one.group, one.group), one) for one in shown)
    points = [Point(name, (one.micro_usd,), f"{name}: {dollars(one.micro_usd)}") for name, one in called]
    return draw_columns(points, dollars)


def _order_group(line: UsageRow) -> tuple[str, int]:
    """A version stands behind the ones before it."""
    place, _, number = line.group.rpartition("#")
    return (place, int(number)) if number.isdecimal() else (line.group, 0)


def name_version(group: str, names: Mapping[str, str]) -> str:
    """What a version of a persona is called: by its place and number, for its words are its channel's."""
    if group in PERSONAS:
        return PERSONAS[group]
    channel, _, number = group.rpartition("#")
    return f"{names.get(f'#{channel}', f'#{channel}') if channel else 'The workspace'}, version {number}"


async def export_usage(desk: Desk, request: web.Request) -> web.Response:
    """The same report as csv, by ids."""
    found, by, days, _ = await _load(desk, request)
    headers = {"Content-Disposition": f'attachment; filename="confab-usage-{by}-{days}-days.csv"'}
    content = await asyncio.to_thread(reports.export_csv, [found])  # of thousands of people
    return web.Response(body=content, content_type="text/csv", charset="utf-8", headers=headers)


async def _load(desk: Desk, request: web.Request) -> tuple[UsageReport, str, str, str]:
    visit = request[VISIT]
    by = choose(request, "by", BY, "channel") if visit.owner else choose(request, "by", OWN, "model")
    days, zone = choose(request, "days", SPANS, USUAL), await desk.find_zone(visit)
    since = desk.find_start(days, zone)
    if by == "day" and visit.owner:
        lines = await _sum_usage(desk, visit, zone, since, by)
        return UsageReport("", by, tuple(lines), visit.workspace), by, days, zone
    lines = await _sum_usage(desk, visit, zone, since, "quarter" if by == "day" else by)
    return reports.build_report("", by, lines, zone, visit.workspace), by, days, zone


async def _sum_usage(desk: Desk, visit: Visit, zone: str, since: datetime, by: str) -> Sequence[UsageRow]:
    """A person's own requests are few; the workspace's are added up by day, each of which begins in its zone."""
    if visit.owner:
        return await desk.sum_usage(visit.workspace, zone, since, by)
    scope = Scope(visit.workspace, person=visit.person)
    return await desk.recent.load(("usage", scope, since, by), lambda: desk.store.ledger.sum_usage(scope, since, by))


async def _load_names(desk: Desk, visit: Visit, by: str, lines: Sequence[UsageRow]) -> Mapping[str, str]:
    groups = {line.group for line in lines}
    if by == "channel":
        names = await desk.fetch_names(visit, {f"#{group}" for group in groups})
        return {group: names[f"#{group}"] for group in groups}
    if by == "persona":
        channels = {group.rpartition("#")[0] for group in groups} - {""}
        names = await desk.fetch_names(visit, {f"#{channel}" for channel in channels})
        return {group: name_version(group, names) for group in groups}
    return await desk.fetch_names(visit, groups) if by == "person" else {}
