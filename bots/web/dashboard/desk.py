"""Desk: what all pages of the dashboard work with, and what they show in common: spans, names, notices."""

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from bots.ops.sealing import Seal, SealBroken
from bots.web.dashboard.figures.live import LiveFigures
from bots.web.dashboard.figures.recent import Recent
from bots.web.sign_in.guard import VISIT, Guard, Visit
from bots.web.sign_in.whois import Whois
from bots.web.site.site import Site
from core.billing.budgets import Budgets, Period, find_period_start, list_midnights
from core.billing.ledger_rows import Scope, UsageRow
from core.domain.clock import Clock
from core.domain.personas import Persona
from core.store.protocols import Store
from core.store.records.reports.live import Pulse
from core.tools.registry import ToolRegistry

SPANS = {"7": "7 days", "30": "30 days", "90": "90 days"}
USUAL = "30"
BATCHES = 500  # newest ones that are shown
NOTICE = "notice"  # the cookie of what a form brought about
NOTICE_LIFE = 60  # seconds
LONGEST = 1_500  # bytes of a notice: a cookie holds some 4 kB


@dataclass(frozen=True, slots=True)
class ProcessState:
    """How this process stands, for the page of health."""

    offline: Callable[[str], str] = lambda _platform: ""
    """Why a platform brings no events just now; empty while it does."""
    claude_refused: Callable[[], bool] = lambda: False
    processes: Callable[[], int] = lambda: 1
    unread: Callable[[str], int] = lambda _workspace: 0
    """How many of a workspace's channels and threads are still to be read for what was missed."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What pages need. `defaults` is the persona where none is set, and `zone` where days begin."""

    site: Site
    guard: Guard
    whois: Whois
    store: Store
    seal: Seal
    clock: Clock
    tools: ToolRegistry
    defaults: Persona
    live: LiveFigures
    zone: str = "UTC"
    models: Sequence[str] = ()
    condition: ProcessState = field(default_factory=ProcessState)
    recent: Recent = field(default_factory=Recent)

    def render(self, request: web.Request, template: str, status: int = 200, /, **values: object) -> web.Response:
        """A page, with what a form has just brought about above it."""
        name = self.site.name_cookie(NOTICE)
        told = self._read_notice(request.cookies.get(name, ""))
        response = self.site.render(request, template, status, **{"visit": request[VISIT], "told": told, **values})
        if name in request.cookies:
            self.site.drop_cookie(response, name)
        return response

    def go_back(self, address: str, says: str, *, good: bool = True) -> web.Response:
        """Show the page at `address`, with what was brought about."""
        response = web.Response(status=303, headers={"Location": address})
        cut = says.encode(errors="replace")[:LONGEST].decode(errors="ignore")
        sealed = self.seal.close(json.dumps([good, cut], ensure_ascii=False))
        self.site.set_cookie(response, self.site.name_cookie(NOTICE), sealed, NOTICE_LIFE)
        return response

    async def load_budgets(self, visit: Visit, only: Sequence[Scope] | None = None) -> Budgets:
        return await self.store.ledger.budgets(visit.workspace, self.clock(), visit.person, only)

    async def find_zone(self, visit: Visit) -> str:
        """Where days begin in a workspace."""
        return (await self.load_budgets(visit, ())).zone or self.zone

    def find_start(self, days: str, zone: str) -> datetime:
        """The midnight with which a span of so many days begins, today with them."""
        return find_period_start(Period.DAY, self.clock(), zone) - timedelta(days=int(days) - 1)

    async def sum_usage(self, workspace: str, zone: str, since: datetime, by: str) -> Sequence[UsageRow]:
        """What a workspace used since a midnight of its time zone, as it was within the last minute."""
        midnights = list_midnights(since, self.clock(), zone)
        key = ("usage", workspace, zone, since, by)
        return await self.recent.load(key, lambda: self.store.reports.sum_usage(workspace, midnights, by))

    async def take_pulse(self, visit: Visit, zone: str) -> Pulse:
        """How the workspace stands now, with what was asked today."""
        return await self.store.reports.take_pulse(visit.workspace, self.find_start("1", zone), BATCHES)

    async def fetch_names(self, visit: Visit, wanted: AbstractSet[str]) -> Mapping[str, str]:
        """Names of people, and of channels as `#name` under `#ID`; what has no name keeps its id."""
        found = await self.whois.fetch_names(visit.identity, wanted)
        return {one: one for one in wanted} | {
            key: f"#{name}" if key.startswith("#") else name for key, name in found.items()
        }

    def _read_notice(self, sealed: str) -> tuple[bool, str] | None:
        if not sealed:
            return None
        try:
            good, says = json.loads(self.seal.open(sealed))
        except (SealBroken, ValueError):
            return None
        return good, says


def choose(request: web.Request, name: str, choices: Mapping[str, str], usual: str) -> str:
    """The value of a query, if it is one of these."""
    given = request.query.get(name, usual)
    return given if given in choices else usual


def read_number(text: str) -> int | None:
    """A number of at most nine digits, which every database takes; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
