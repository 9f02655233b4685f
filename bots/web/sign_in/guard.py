"""Guard: a page opens for who has a session, as far as their rank goes, which is never older than some minutes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps

from aiohttp import web

from bots.ops.sealing import Seal, SealBroken
from bots.web.sign_in.whois import Whois
from bots.web.site.site import VIEWER, Handler, PageLink, PageRefused, Site, Viewer
from core.domain.messages import Rank
from core.store.audit_log import OPERATOR
from core.store.records.sign_ins.sessions import RANK_LIFE, SESSION_LIFE, Identity, Session, SignIns

WRITE = "Write `/confab dashboard` in Slack, or `/dashboard` in Discord"
COOKIE = "session"
READS = {"GET", "HEAD"}
SIGN_IN = ("You are not signed in", f"{WRITE}: Confab answers you with a link.")


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asked for a page, with the rank that they have now."""

    session: Session
    rank: Rank
    token: str

    @property
    def identity(self) -> Identity:
        return self.session.identity

    @property
    def workspace(self) -> str:
        return self.identity.workspace

    @property
    def person(self) -> str:
        return self.identity.person

    @property
    def owner(self) -> bool:
        """Whether they manage the whole workspace."""
        return self.rank >= Rank.OWNER

    @property
    def operator(self) -> bool:
        """Whether it is who runs Confab, by a link made at the machine: no person of the platform."""
        return self.person == OPERATOR


VISIT = web.RequestKey("visit", Visit)


class Guard:
    """Lets requests in. `list_links` are the pages that a rank may open; with `guests`, guests are let in too."""

    def __init__(
        self,
        site: Site,
        sign_ins: SignIns,
        whois: Whois,
        seal: Seal,
        list_links: Callable[[Rank], Sequence[PageLink]],
        *,
        guests: bool = False,
    ) -> None:
        self._site, self._sign_ins, self._whois, self._seal = site, sign_ins, whois, seal
        self._list_links = list_links
        self._guests = guests

    def admit(self, handler: Handler, rank: Rank = Rank.GUEST) -> Handler:
        """The handler, for those who are signed in and have this rank. What it changes, a form of ours has sent."""

        @wraps(handler)
        async def enter(request: web.Request) -> web.StreamResponse:
            visit = request[VISIT] = await self._find_visit(request)
            request[VIEWER] = await self._make_viewer(visit)
            if visit.rank < rank:
                raise web.HTTPForbidden
            if request.method not in READS:
                await self._site.check_form(request)
            return await handler(request)

        return enter

    def admits(self, rank: Rank) -> bool:
        """Whether somebody of this rank may open the dashboard."""
        return rank > Rank.GUEST or self._guests

    def keep(self, response: web.Response, token: str) -> None:
        """Give a browser the cookie of a session. It is sealed, so that the database alone opens nothing."""
        life = int(SESSION_LIFE.total_seconds())
        self._site.set_cookie(response, self._site.name_cookie(COOKIE), self._seal.close(token), life)

    def drop(self, response: web.Response) -> None:
        self._site.drop_cookie(response, self._site.name_cookie(COOKIE))

    async def _find_visit(self, request: web.Request) -> Visit:
        """Who it is. The platform is asked for each change, and for a page where its word is some minutes old."""
        token = self._read_token(request)
        session = await self._sign_ins.find(token) if token else None
        if session is None:
            raise PageRefused(401, *SIGN_IN)
        rank = session.rank
        if request.method not in READS or session.rank_age >= RANK_LIFE:
            rank = await self._whois.fetch_rank(session.identity)
            await self._sign_ins.note_rank(token, rank)
        if not self.admits(rank):
            await self._sign_ins.end(token, left=True)
            raise PageRefused(401, *SIGN_IN)
        return Visit(session, rank, token)

    def _read_token(self, request: web.Request) -> str:
        try:
            return self._seal.open(request.cookies.get(self._site.name_cookie(COOKIE), ""))
        except SealBroken:
            return ""

    async def _make_viewer(self, visit: Visit) -> Viewer:
        identity = visit.identity
        names = await self._whois.fetch_names(identity, {identity.person})
        name = names.get(identity.person, identity.person)
        place = identity.workspace if identity.person == OPERATOR else identity.platform.capitalize()
        return Viewer(name, place, self._list_links(visit.rank), holder=visit.token, leaving="/sign-out")
