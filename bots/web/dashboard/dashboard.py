"""The dashboard: its pages and who may open which, put together as routes of the HTTP server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from bots.ops.sealing import Seal
from bots.ops.secret_keys import decode_keys
from bots.web.dashboard import audit, budgets, health, overview, tools, usage, work
from bots.web.dashboard.commands import Clerk
from bots.web.dashboard.desk import BATCHES, Desk, ProcessState
from bots.web.dashboard.figures.live import STAY, LiveFigures, send_figures
from bots.web.dashboard.personas import library_pages, persona_page, places
from bots.web.sign_in.guard import VISIT, Guard, Visit
from bots.web.sign_in.pages import HOME, SignInPages
from bots.web.sign_in.whois import Whois
from bots.web.site.site import Handler, PageLink, Site
from core.commands.registry import CommandContext
from core.domain.clock import Clock, system_clock
from core.domain.messages import Rank
from core.domain.personas import Persona
from core.domain.platform import Platform
from core.settings import Settings
from core.store.protocols import Store
from core.store.records.reports.live import Pulse
from core.store.records.sign_ins.sessions import RANK_LIFE, hash_token
from core.tools.registry import ToolRegistry

LINKS = (
    (Rank.GUEST, PageLink(HOME, "Overview")),
    (Rank.GUEST, PageLink(f"{HOME}/usage", "Usage")),
    (Rank.OWNER, PageLink(places.ADDRESS, "Personas")),
    (Rank.GUEST, PageLink(library_pages.ADDRESS, "Library")),
    (Rank.OWNER, PageLink(budgets.ADDRESS, "Budgets")),
    (Rank.GUEST, PageLink(f"{HOME}/tools", "Tools")),
    (Rank.OWNER, PageLink(work.ADDRESS, "Jobs")),
    (Rank.OWNER, PageLink(f"{HOME}/audit", "Audit log")),
    (Rank.OWNER, PageLink(f"{HOME}/health", "Health")),
    (Rank.GUEST, PageLink("/sign-ins", "Your sessions")),
)

DescribePulse = Callable[[Visit, Pulse], Mapping[str, str]]


def list_links(rank: Rank) -> Sequence[PageLink]:
    """The pages that somebody of this rank may open."""
    return [link for least, link in LINKS if rank >= least]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All pages over one store. `clerk` gives the commands of forms, once it has a context for them."""

    desk: Desk
    clerk: Clerk

    def connect(self, context: CommandContext) -> None:
        """From here on forms change something."""
        self.clerk.context = context

    def close(self) -> None:
        """End what is told to pages that are open, so that the server can end."""
        self.desk.live.close()

    def routes(self) -> list[web.RouteDef]:
        desk, guard, site = self.desk, self.desk.guard, self.desk.site
        sign_in = SignInPages(site, guard, desk.store.sign_ins, desk.whois)
        return site.frame([
            *sign_in.routes(),
            *(web.get(path, guard.admit(show)) for path, show in self._list_own_pages().items()),
            *(web.get(path, guard.admit(show, Rank.OWNER)) for path, show in self._list_managers_pages().items()),
            *(
                web.get(path, guard.admit(partial(follow_page, desk, describe), rank), allow_head=False)
                for rank, path, describe in self._list_streams()
            ),
            *(web.post(path, guard.admit(change, Rank.OWNER)) for path, change in self._list_forms().items()),
            web.get(f"{HOME}/{{rest:.*}}", guard.admit(site.answer_not_found)),
            web.get("/{rest:.*}", site.answer_not_found),  # the router asks longer paths first, wherever they stand
        ])  # fmt: skip

    def _list_own_pages(self) -> Mapping[str, Handler]:
        """What everybody may open who is signed in."""
        desk, clerk = self.desk, self.clerk
        return {
            HOME: partial(overview.show_overview, desk),
            f"{HOME}/usage": partial(usage.show_usage, desk),
            f"{HOME}/usage.csv": partial(usage.export_usage, desk),
            f"{HOME}/tools": partial(tools.show_tools, desk),
            library_pages.ADDRESS: partial(library_pages.show_library, desk, clerk),
            f"{library_pages.ADDRESS}/{{name}}": partial(library_pages.show_library_persona, desk, clerk),
        }

    def _list_managers_pages(self) -> Mapping[str, Handler]:
        """What those may open who manage the workspace."""
        desk, clerk = self.desk, self.clerk
        return {
            places.ADDRESS: partial(places.show_personas, desk),
            f"{places.ADDRESS}/{{channel}}": partial(persona_page.show_persona, desk, clerk),
            budgets.ADDRESS: partial(budgets.show_budgets, desk),
            work.ADDRESS: partial(work.show_work, desk),
            f"{HOME}/audit": partial(audit.show_audit, desk),
            f"{HOME}/health": partial(health.show_health, desk),
        }

    def _list_forms(self) -> Mapping[str, Handler]:
        """What those may change who manage the workspace."""
        desk, clerk = self.desk, self.clerk
        return {
            f"{places.ADDRESS}/{{channel}}": partial(persona_page.change_persona, desk, clerk),
            f"{library_pages.ADDRESS}/{{name}}": partial(library_pages.use_library_persona, desk, clerk),
            budgets.ADDRESS: partial(budgets.change_budget, desk, clerk),
            work.ADDRESS: partial(work.change_work, desk, clerk),
            f"{HOME}/audit": partial(audit.verify_audit, desk),
        }

    def _list_streams(self) -> list[tuple[Rank, str, DescribePulse]]:
        """What tells pages that are open what changes, and whose they are."""
        return [
            (Rank.GUEST, f"{HOME}/live/overview", overview.describe_pulse),
            (Rank.OWNER, f"{HOME}/live/work", work.describe_pulse),
            (Rank.OWNER, f"{HOME}/live/health", partial(health.describe_pulse, self.desk)),
        ]


async def follow_page(desk: Desk, describe: DescribePulse, request: web.Request) -> web.StreamResponse:
    """Tell a page what changes. The stream ends before the platform's word on the rank is too old."""
    visit, zone = request[VISIT], await desk.find_zone(request[VISIT])

    async def has_ended(pulse: Pulse) -> bool:
        """A pulse that others look at may be older than this session: the store is asked before a page is told so."""
        return hash_token(visit.token) not in pulse.sessions and await desk.store.sign_ins.find(visit.token) is None

    left = (RANK_LIFE - visit.session.rank_age).total_seconds()
    with desk.live.count_stream(visit.session.number):
        pulses = desk.live.follow(visit.workspace, lambda: desk.find_start("1", zone))
        seconds = min(STAY, left) if left > 0 else STAY  # it was asked for anew just now
        return await send_figures(request, pulses, partial(describe, visit), seconds, has_ended)


def open_dashboard(
    settings: Settings,
    store: Store,
    platforms: Mapping[str, Platform],
    keys: Sequence[str],
    *,
    tools: ToolRegistry,
    condition: ProcessState,
    clock: Clock = system_clock,
) -> Dashboard:
    """The dashboard of these platforms. `keys` are the secret ones, the newest first."""
    site = Site(decode_keys(keys), secure=bool(settings.confab_public_url))
    whois = Whois(platforms, clock)
    seal = Seal(keys, "web session")
    guard = Guard(site, store.sign_ins, whois, seal, list_links, guests=settings.confab_guests)
    desk = Desk(
        site,
        guard,
        whois,
        store,
        Seal(keys, "web notice"),
        clock,
        tools,
        Persona(model=settings.confab_model),
        LiveFigures(lambda workspace, since: store.reports.take_pulse(workspace, since, BATCHES)),
        settings.confab_time_zone,
        settings.confab_models,
        condition,
    )
    return Dashboard(desk, Clerk(whois))
