"""Door of the playground: a browser gets in by a one-time key, which stands in the address that `confab web` prints."""

import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import wraps

from aiohttp import web

from bots.ops.sealing import Seal, SealBroken
from bots.web.site.site import Handler, PageRefused, Site
from core.domain.clock import Clock, system_clock
from core.store.records.sign_ins.sessions import PATH, SESSION_LIFE

CLOSED = (
    "You are not signed in",
    "The terminal in which `confab web` runs shows an address with a key. Open that one; each is good for one browser.",
)
SPENT = ("This address is used up", "Its key is good once. The newest address that `confab web` has printed opens it.")
AGAIN = "For another browser: {}"


class Door:
    """Lets in browsers that have used a key. A used key is followed by another one, whose address is told.

    The session is a sealed cookie, so that it outlives a restart, for 12 hours. `keys` are the secret ones.
    """

    def __init__(self, keys: Sequence[str], clock: Clock = system_clock) -> None:
        self._seal = Seal(keys, "playground session")
        self._clock = clock
        self._key = secrets.token_urlsafe(32)
        self._base = ""
        self._tell: Callable[[str], None] = print

    def open(self, base: str, tell: Callable[[str], None]) -> str:
        """The address that lets a browser in, of pages below `base`; each later one is told."""
        self._base, self._tell = base, tell
        return f"{base.rstrip('/')}{PATH}{self._key}"

    def guard(self, site: Site, routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
        """These routes for who is signed in alone, behind the two that sign in."""
        inside = [web.RouteDef(one.method, one.path, self._admit(site, one.handler), one.kwargs) for one in routes]

        async def show(request: web.Request) -> web.Response:
            """What the key is for. It changes nothing: a preview or another program may have asked."""
            self._check_key(request)
            return site.render(request, "playground/key.html")

        async def use(request: web.Request) -> web.Response:
            await site.check_form(request)
            self._check_key(request)
            self._key = secrets.token_urlsafe(32)
            self._tell(AGAIN.format(self.open(self._base, self._tell)))
            response = web.Response(status=303, headers={"Location": "/"})
            end = self._clock() + SESSION_LIFE
            life = int(SESSION_LIFE.total_seconds())
            site.set_cookie(response, _name_cookie(site, request), self._seal.close(str(end.timestamp())), life)
            return response

        return [web.get(f"{PATH}{{key}}", show), web.post(f"{PATH}{{key}}", use), *inside]

    def _admit(self, site: Site, handler: Handler) -> Handler:
        @wraps(handler)
        async def enter(request: web.Request) -> web.StreamResponse:
            if not self._is_open(request.cookies.get(_name_cookie(site, request), "")):
                raise PageRefused(403, *CLOSED)
            return await handler(request)

        return enter

    def _is_open(self, cookie: str) -> bool:
        try:
            return float(self._seal.open(cookie)) > self._clock().timestamp()
        except SealBroken:
            return False

    def _check_key(self, request: web.Request) -> None:
        if not hmac.compare_digest(self._key.encode(), request.match_info["key"].encode("utf-8", "replace")):
            raise PageRefused(410, *SPENT)


def _name_cookie(site: Site, request: web.Request) -> str:
    """Browsers keep cookies by host and not by port, and each playground of a machine has its own."""
    try:
        return site.name_cookie(f"playground-{request.url.port}")
    except ValueError:  # a port that there can't be
        raise web.HTTPBadRequest from None
