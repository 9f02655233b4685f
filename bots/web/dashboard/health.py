"""Health: whether the platform, Claude and the database answer, what waits, and how the app is installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from aiohttp import web

from bots.web.dashboard.desk import Desk
from bots.web.dashboard.figures.live import REREAD
from bots.web.sign_in.guard import VISIT, Visit
from bots.web.site.templates import write_number
from core.store.records.reports.live import Pulse


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One thing that works or does not."""

    name: str
    good: bool
    says: str


async def show_health(desk: Desk, request: web.Request) -> web.Response:
    visit = request[VISIT]
    zone = await desk.find_zone(visit)
    installed = await desk.store.installations.find(visit.workspace)
    names = await desk.fetch_names(visit, {installed.by} if installed and installed.by else set())
    return desk.render(
        request,
        "dashboard/health.html",
        findings=list_findings(desk, visit),
        live=describe_pulse(desk, visit, await desk.take_pulse(visit, zone)),
        version=version("confab"),
        installed=installed,
        names=names,
        zone=zone,
    )


def list_findings(desk: Desk, visit: Visit) -> Sequence[HealthLine]:
    """What works, and what does not."""
    platform = visit.identity.platform
    offline, refused = desk.condition.offline(platform), desk.condition.claude_refused()
    return (
        HealthLine(platform.capitalize(), not offline, offline or "connected"),
        HealthLine("Claude", not refused, "does not accept the key" if refused else "has not refused the key"),
        HealthLine("Database", good=True, says="answers"),
    )


def describe_pulse(desk: Desk, visit: Visit, pulse: Pulse) -> dict[str, str]:
    """What waits, and how many processes live; where something else works than before, the page is another."""
    return {
        REREAD: ", ".join(f"{one.name} {one.says}" for one in list_findings(desk, visit)),
        "waiting": write_number(pulse.count().waiting),
        "unread": write_number(desk.condition.unread(visit.workspace)),
        "processes": write_number(desk.condition.processes()),
    }
