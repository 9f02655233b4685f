"""Site: the frame of all pages: templates, style sheet, security headers, CSRF and error pages.

    site = Site(keys)
    HttpServer(site.frame([web.get("/dashboard", show_overview)]))

    async def show_overview(request: web.Request) -> web.Response:
        return site.render(request, "dashboard/overview.html", days=days)

A handler that changes something calls `await site.check_form(request)` first.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import wraps

from aiohttp import web

from bots.web.site.csrf import FIELD, Csrf, make_holder
from bots.web.site.static_files import read_static_files
from bots.web.site.templates import make_environment
from core.domain.errors import StoreUnavailable
from core.store.audit_log import derive_key

POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
))  # fmt: skip
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
PRIVATE = "no-store"
ELSEWHERE = {"cross-site", "same-site"}  # what a browser says of a request that a page of another site began
ERRORS = {
    400: ("That can't be read", "The address or the form is not as a page of ours makes it."),
    403: (
        "This is not for you",
        "You may not see or do this, or the form is too old: go back and reload it.",
    ),
    404: ("There is no such page", "The address may be mistyped, or what it was about is gone."),
    405: ("That can't be done here", "The address takes no request of this kind."),
    408: ("That took too long", "What was sent did not come in time. Try again."),
    413: ("That is too large", "Send less at once."),
    429: ("That was too often", "Wait for a minute, then try again."),
    503: ("Not just now", "The database can't be reached. Try again in a minute."),
}
FAULT = ("Something broke", "It is in the log of Confab, with this time. Try again; if it stays, tell the operator.")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link of the navigation."""

    address: str
    label: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who reads a page, as it names them; `links` are the pages that they may open, and `holder` a CSRF token's."""

    name: str
    place: str = ""
    links: Sequence[PageLink] = ()
    holder: str = field(default="", repr=False)
    leaving: str = ""
    """Where the form that signs them out goes; empty where nobody signed in."""


class PageRefused(Exception):
    """A page can't be shown: with which status, and what its reader is told."""

    def __init__(self, status: int, title: str, says: str) -> None:
        super().__init__(title)
        self.status, self.title, self.says = status, title, says


NOBODY = Viewer("")
VIEWER = web.RequestKey("viewer", Viewer)


class Site:
    """The frame of all pages. `secure` is for a browser that reaches it by https.

    With `hosts`, such as `127.0.0.1`, it answers under these names only, so that no name of another site that leads to
    this machine reads its pages.
    """

    def __init__(self, keys: Sequence[bytes], *, secure: bool = False, hosts: Collection[str] = ()) -> None:
        self.secure = secure
        self._csrf = Csrf([derive_key(key, b"confab web forms") for key in keys])
        self._hosts = hosts
        self._static = read_static_files()
        self._environment = make_environment()
        self._environment.globals["static"] = self._static.find_address

    def frame(self, routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
        """These routes and those of static files, with headers and error pages around each, also for other methods."""
        known = [*self._static.routes(), *routes]
        others = [web.RouteDef("*", path, _refuse_method, {}) for path in dict.fromkeys(one.path for one in known)]
        return [web.RouteDef(one.method, one.path, self._wrap(one.handler), one.kwargs) for one in (*known, *others)]

    def render(self, request: web.Request, template: str, status: int = 200, /, **values: object) -> web.Response:
        """A page for who reads it, with the token of its forms."""
        viewer = request.get(VIEWER, NOBODY)
        holder = viewer.holder or request.cookies.get(self.visit_cookie, "") or make_holder()
        frame = {"viewer": viewer, "path": request.path, "form_field": FIELD, "form_token": self._csrf.issue(holder)}
        text = self._environment.get_template(template).render(**frame, **values)
        response = web.Response(text=text, content_type="text/html", charset="utf-8", status=status)
        if not viewer.holder and holder != request.cookies.get(self.visit_cookie):
            self.set_cookie(response, self.visit_cookie, holder)
        return response

    def write_part(self, template: str, /, **values: object) -> str:
        """A part of a page, for a script that puts it where it belongs."""
        return self._environment.get_template(template).render(**values)

    async def check_form(self, request: web.Request) -> None:
        """Raise HTTPForbidden unless who reads our pages in this browser sent this from one of them."""
        holder = request.get(VIEWER, NOBODY).holder or request.cookies.get(self.visit_cookie, "")
        await self._csrf.check(request, holder)

    @property
    def visit_cookie(self) -> str:
        return self.name_cookie("visit")

    def name_cookie(self, name: str) -> str:
        """A cookie's name. By https, its prefix makes the browser refuse one that another host of the domain set."""
        return f"__Host-confab-{name}" if self.secure else f"confab-{name}"

    def set_cookie(self, response: web.StreamResponse, name: str, value: str, max_age: int | None = None) -> None:
        """Set a cookie that no script reads and no other site sends along, but for links that are followed."""
        response.set_cookie(name, value, max_age=max_age, path="/", secure=self.secure, httponly=True, samesite="Lax")

    def drop_cookie(self, response: web.StreamResponse, name: str) -> None:
        response.del_cookie(name, path="/", secure=self.secure, httponly=True, samesite="Lax")

    async def answer_not_found(self, request: web.Request) -> web.StreamResponse:
        """For the last route of a part of the site: `web.get("/dashboard/{rest:.*}", site.answer_not_found)`."""
        raise web.HTTPNotFound

    def _wrap(self, handler: Handler) -> Handler:
        @wraps(handler)
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._check_host(request)
                _check_sender(request)
                response = await handler(request)
            except web.HTTPMove as redirect:
                response = web.Response(status=redirect.status, headers={"Location": str(redirect.location)})
            except web.HTTPException as refusal:
                response = self.render_error(request, refusal.status)
            except PageRefused as refused:
                response = self.render_error(request, refused.status, refused.title, refused.says)
            except StoreUnavailable:
                response = self.render_error(request, 503)
            except Exception:
                log.exception("a page of %s failed", request.match_info.route.resource)
                response = self.render_error(request, 500)
            return _add_headers(response)

        return answer

    def render_error(
        self, request: web.Request, status: int, title: str = "", says: str = "", back: PageLink | None = None
    ) -> web.Response:
        """A page that says what is wrong, and what mends it, with a link to go on."""
        known = ERRORS.get(status, FAULT)
        links = request.get(VIEWER, NOBODY).links
        values = {"title": title or known[0], "says": says or known[1], "back": back or next(iter(links), None)}
        return self.render(request, "site/error.html", status, **values)

    def _check_host(self, request: web.Request) -> None:
        host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
        if self._hosts and host.strip("[]").lower() not in self._hosts:
            raise web.HTTPForbidden


def _check_sender(request: web.Request) -> None:
    """Raise HTTPForbidden where a page of another site asks for a part of ours. Links from there may be followed."""
    sent = request.headers.get("Sec-Fetch-Site", "")
    if sent in ELSEWHERE and request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        raise web.HTTPForbidden


async def _refuse_method(request: web.Request) -> web.StreamResponse:
    """For a method that an address does not take."""
    raise web.HTTPMethodNotAllowed(request.method, ())


def _add_headers(response: web.StreamResponse) -> web.StreamResponse:
    """Add what a handler has not set itself. Of a stream that has begun nothing can be changed: see `HEADERS`."""
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", PRIVATE)
    return response
