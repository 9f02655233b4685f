"""Pages of signing in and out: a link shows whom it signs in, and a form of that page uses it up."""

import logging
from dataclasses import dataclass

from aiohttp import web

from bots.web.sign_in.guard import VISIT, WRITE, Guard
from bots.web.sign_in.whois import Whois
from bots.web.site.site import PageRefused, Site
from core.domain.controls import Control
from core.domain.errors import CannotShow
from core.store.records.sign_ins.sessions import PATH, Identity, Session, SignIns, hash_token

HOME = "/dashboard"
SPENT = (
    "This link is used up",
    "It was used, or is older than ten minutes. `dashboard` in chat makes a new one.",
)
ENDED = ("You are signed out", f"{WRITE}, whenever you want to come back.")
CLOSED = ("This is not open to you", "Only members of the workspace can open its dashboard.")
BEGAN = (
    "You are signed in to the dashboard (session {number}), for 12 hours. If that was not you, end this session here; "
    "`dashboard end` ends all of yours."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignInPages:
    """What stands at a link, and what ends a session."""

    site: Site
    guard: Guard
    sign_ins: SignIns
    whois: Whois

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{PATH}{{token}}", self._show_link),
            web.post(f"{PATH}{{token}}", self._use_link),
            web.get("/sign-ins", self.guard.admit(self._show_sessions)),
            web.post("/sign-out", self.guard.admit(self._end_one)),
            web.post("/sign-out/everywhere", self.guard.admit(self._end_all)),
            web.get("/signed-out", self._show_end),
        ]

    async def _show_link(self, request: web.Request) -> web.Response:
        """Whom the link signs in. It changes nothing: a preview of the link may have asked."""
        identity = await self._find_identity(request)
        names = await self.whois.fetch_names(identity, {identity.person})
        return self.site.render(
            request, "sign_in/link.html", name=names.get(identity.person, identity.person), identity=identity
        )

    async def _use_link(self, request: web.Request) -> web.Response:
        """Begin a session, once, and tell the person so where they can be told."""
        await self.site.check_form(request)
        identity = await self._find_identity(request)
        rank = await self.whois.fetch_rank(identity)
        if not self.guard.admits(rank):
            raise PageRefused(403, *CLOSED)
        begun = await self.sign_ins.use_link(request.match_info["token"], rank)
        if begun is None:
            raise PageRefused(410, *SPENT)
        token, session = begun
        await self._tell(session, token)
        response = web.Response(status=303, headers={"Location": HOME})
        self.guard.keep(response, token)
        return response

    async def _find_identity(self, request: web.Request) -> Identity:
        identity = await self.sign_ins.find_link(request.match_info["token"])
        if identity is None:
            raise PageRefused(410, *SPENT)
        return identity

    async def _tell(self, session: Session, token: str) -> None:
        """The button names the session by what the database has of its token, which opens nothing."""
        button = Control.END_SESSION, hash_token(token)
        try:
            await self.whois.tell(session.identity, BEGAN.format(number=session.number), button)
        except (CannotShow, TimeoutError) as error:
            log.warning("who began session %d could not be told: %s", session.number, error)
        except Exception:  # the session has begun; the log says who was not told of it
            log.exception("who began session %d could not be told", session.number)

    async def _show_sessions(self, request: web.Request) -> web.Response:
        visit = request[VISIT]
        found = await self.sign_ins.list_open(visit.workspace, visit.person)
        return self.site.render(request, "sign_in/sessions.html", sessions=found, own=visit.session.number)

    async def _end_one(self, request: web.Request) -> web.Response:
        await self.sign_ins.end(request[VISIT].token)
        return self._say_goodbye()

    async def _end_all(self, request: web.Request) -> web.Response:
        visit = request[VISIT]
        await self.sign_ins.end_all(visit.workspace, visit.person)
        return self._say_goodbye()

    async def _show_end(self, request: web.Request) -> web.Response:
        return self.site.render_error(request, 200, *ENDED)

    def _say_goodbye(self) -> web.Response:
        response = web.Response(status=303, headers={"Location": "/signed-out"})
        self.guard.drop(response)
        return response
