"""Usage: what Claude was asked and what that cost, as a table with bars and as csv."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from aiohttp import web

from bots.web.dashboard.charts import measure_bar
from bots.web.dashboard.desk import SPANS, USUAL, Desk, choose
from bots.web.sign_in.guard import VISIT, Visit
from core.billing import reports
from core.billing.ledger_rows import Scope, UsageRow
from core.billing.reports import UsageReport

BY = {"channel": "Channel", "person": "Person", "model": "Model", "day": "Day"}
OWN = {"model": "Model", "day": "Day"}  # what tells a person something of their own usage
LINES = 200  # of a page, which stays small; the csv has all


async def show_usage(desk: Desk, request: web.Request) -> web.Response:
    """A report, with names; of the workspace for who manages it, else of the reader's own questions."""
    found, by, days, zone = await _load(desk, request)
    visit, lines = request[VISIT], found.lines[:LINES]
    most = max((line.micro_usd for line in lines), default=0)
    names = await _load_names(desk, visit, found)
    misses = await _sum_usage(desk, visit, desk.find_start(days, zone), "miss")
    return desk.render(
        request,
        "dashboard/usage.html",
        lines=[(names.get(one.group, one.group), one, measure_bar(one.micro_usd, most)) for one in lines],
        total=found.total,
        more=len(found.lines) - len(lines),
        caveats=reports.describe_caveats(found.total, misses),
        by=by,
        choices_by=BY if visit.owner else OWN,
        days=days,
        spans=SPANS,
        zone=zone,
    )


async def export_usage(desk: Desk, request: web.Request) -> web.Response:
    """The same report as csv, by ids."""
    found, by, days, _ = await _load(desk, request)
    headers = {"Content-Disposition": f'attachment; filename="confab-usage-{by}-{days}-days.csv"'}
    return web.Response(body=reports.export_csv([found]), content_type="text/csv", charset="utf-8", headers=headers)


async def _load(desk: Desk, request: web.Request) -> tuple[UsageReport, str, str, str]:
    visit = request[VISIT]
    by = choose(request, "by", BY, "channel") if visit.owner else choose(request, "by", OWN, "model")
    days, zone = choose(request, "days", SPANS, USUAL), await desk.find_zone(visit)
    lines = await _sum_usage(desk, visit, desk.find_start(days, zone), "quarter" if by == "day" else by)
    return reports.build_report("", by, lines, zone, visit.workspace), by, days, zone


async def _sum_usage(desk: Desk, visit: Visit, since: datetime, by: str) -> Sequence[UsageRow]:
    scope = _find_scope(visit)
    return await desk.recent.load(("usage", scope, since, by), lambda: desk.store.ledger.sum_usage(scope, since, by))


def _find_scope(visit: Visit) -> Scope:
    return Scope(visit.workspace) if visit.owner else Scope(visit.workspace, person=visit.person)


async def _load_names(desk: Desk, visit: Visit, found: UsageReport) -> Mapping[str, str]:
    groups = {line.group for line in found.lines[:LINES]}
    if found.by == "channel":
        names = await desk.fetch_names(visit, {f"#{group}" for group in groups})
        return {group: names[f"#{group}"] for group in groups}
    return await desk.fetch_names(visit, groups) if found.by == "person" else {}
