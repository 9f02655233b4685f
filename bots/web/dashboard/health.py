"""Health: whether the platform, Claude and the database answer, what waits, and how the app is installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from aiohttp import web

from bots.web.dashboard.desk import Desk
from bots.web.sign_in.guard import VISIT
from core.billing.ledger_rows import Scope


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One thing that works or does not."""

    name: str
    good: bool
    says: str


async def show_health(desk: Desk, request: web.Request) -> web.Response:
    visit = request[VISIT]
    platform = visit.identity.platform
    offline = desk.condition.offline(platform)
    zone = await desk.find_zone(visit)
    counts = await desk.store.reports.count_outcomes(Scope(visit.workspace), desk.find_start("7", zone))
    installed = await desk.store.installations.find(visit.workspace)
    names = await desk.fetch_names(visit, {installed.by} if installed and installed.by else set())
    refused = desk.condition.claude_refused()
    findings: Sequence[HealthLine] = (
        HealthLine(platform.capitalize(), not offline, offline or "connected"),
        HealthLine("Claude", not refused, "does not accept the key" if refused else "has not refused the key"),
        HealthLine("Database", good=True, says="answers"),
    )
    return desk.render(
        request,
        "dashboard/health.html",
        findings=findings,
        waiting=sum(one.count for one in counts if one.outcome == "open"),
        processes=desk.condition.processes(),
        version=version("confab"),
        installed=installed,
        names=names,
        zone=zone,
    )
