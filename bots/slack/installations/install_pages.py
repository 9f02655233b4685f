"""Install pages: where somebody adds Confab to their workspace, and where Slack sends them back to."""

import hashlib
import hmac
import json
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from urllib.parse import urlencode

from aiohttp import web
from cachetools import TTLCache

from bots.ops.sealing import Seal, SealBroken
from bots.slack.installations.installed import InstalledWorkspaces, OtherInstallation
from bots.slack.installations.oauth import OAuth
from bots.slack.manifest import INSTALL, REDIRECT, SCOPES
from core.domain.clock import Clock
from core.domain.errors import ConfabError, StoreUnavailable

COOKIE = "confab_install"
MINUTES = 10  # that somebody has to say yes: so long lives the cookie, on their own clock
APART = 5  # minutes by which the clocks of two processes may differ: one begins, and the other ends
USED = 10_000  # states that are remembered as used
AUTHORIZE = "https://slack.com/oauth/v2/authorize"

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem; }}
a {{ display: inline-block; padding: .6rem 1.2rem; border-radius: .4rem; background: #3d3929; color: #fff; }}
</style></head><body><h1>{title}</h1><p>{words}</p>{link}</body></html>
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShownPage:
    """What a person reads. `link` is an address and what stands on it."""

    status: int
    title: str
    words: str
    link: tuple[str, str] | None = (INSTALL, "Begin again")


STRANGE = ShownPage(
    400,
    "This page was not opened from here",
    "An installation must begin and end in the same browser, and each works once. Nothing was installed.",
)
WELCOME = "Invite it to a channel with /invite and mention it, or write to it directly."
LATE = ShownPage(400, "That took too long", f"It must be done within {MINUTES} minutes. Nothing was installed.")
CANCELLED = ShownPage(200, "Nothing was installed", "You have not allowed it in Slack.")
REFUSED = ShownPage(502, "Slack did not complete the installation", "Nothing was installed. Please begin again.")
BUSY = ShownPage(503, "Confab can't keep the installation just now", "Please begin again in a minute.")
OTHER = ShownPage(
    409,
    "Confab is already in your organisation",
    "Another workspace of it has Confab, or all of them have. Whoever manages your organisation in Slack can install "
    "it for all of its workspaces.",
    None,
)


class InstallPages:
    """The pages. What Slack sends somebody back with must begin in their browser, works once, and for ten minutes.

    Their browser counts these; no process takes it later, as far as clocks agree.

    The state holds all of that, sealed, so that any process can read it. That it was used each process remembers for
    itself, and Slack takes no code twice.
    """

    def __init__(
        self, workspaces: InstalledWorkspaces, oauth: OAuth, seal: Seal, public_url: str, clock: Clock
    ) -> None:
        self._workspaces = workspaces
        self._oauth = oauth
        self._seal = seal
        self.address = f"{public_url}{INSTALL}"
        """Where people begin."""
        self._redirect = f"{public_url}{REDIRECT}"
        self._clock = clock
        self._used: TTLCache[str, None] = TTLCache(USED, (MINUTES + 2 * APART) * 60)

    def build_routes(self) -> list[web.RouteDef]:
        pages = ((INSTALL, self.show), (REDIRECT, self.receive))
        return [web.get(path, answer, allow_head=False) for path, answer in pages]

    async def show(self, _: web.Request) -> web.StreamResponse:
        """The page with the button that leads to Slack."""
        browser = secrets.token_urlsafe(32)
        state = self._seal.close(json.dumps([_fingerprint(browser), self._clock().isoformat(), secrets.token_hex(8)]))
        asked = {
            "client_id": self._oauth.client_id,
            "scope": ",".join(SCOPES),
            "redirect_uri": self._redirect,
            "state": state,
        }
        words = "Claude answers in your threads, channels and direct messages. Slack asks you what it may do there."
        link = (f"{AUTHORIZE}?{urlencode(asked)}", "Add to Slack")
        answer = _render(ShownPage(200, "Add Confab to Slack", words, link))
        answer.set_cookie(
            COOKIE, browser, max_age=MINUTES * 60, path="/slack", secure=True, httponly=True, samesite="Lax"
        )
        return answer

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Where Slack sends somebody back to. Whatever comes of it, the browser's cookie is used."""
        answer = _render(await self._complete(request))
        answer.del_cookie(COOKIE, path="/slack", secure=True, httponly=True, samesite="Lax")
        return answer

    async def _complete(self, request: web.Request) -> ShownPage:
        wrong = self._check_state(request.query.get("state", ""), request.cookies.get(COOKIE, ""))
        if wrong is not None:
            return wrong
        if "error" in request.query:
            return CANCELLED
        try:
            installed = await self._oauth.exchange(request.query.get("code", ""), self._redirect)
            await self._workspaces.install(installed)
        except OtherInstallation:
            return OTHER
        except StoreUnavailable as error:
            log.error("an installation could not be kept: %s", error)
            return BUSY
        except ConfabError as error:
            log.error("Slack did not complete an installation: %s", error)
            return REFUSED
        return ShownPage(200, f"Confab is in {installed.name}", WELCOME, None)

    def _check_state(self, state: str, browser: str) -> ShownPage | None:
        """What is wrong with a state, which is used from here on; None if nothing is.

        It is remembered by what it holds: its letters can be written in many ways that open alike.
        """
        try:
            fingerprint, at, once = json.loads(self._seal.open(state))
            age = self._clock() - datetime.fromisoformat(at)
        except (SealBroken, ValueError):
            return STRANGE
        if not hmac.compare_digest(fingerprint, _fingerprint(browser)) or once in self._used:
            return STRANGE
        self._used[once] = None
        return None if age <= timedelta(minutes=MINUTES + APART) else LATE


def _fingerprint(browser: str) -> str:
    return hashlib.sha256(browser.encode(errors="surrogateescape")).hexdigest()  # a cookie may be any bytes


def _render(page: ShownPage) -> web.Response:
    link = f'<p><a href="{escape(page.link[0])}">{escape(page.link[1])}</a></p>' if page.link else ""
    text = PAGE.format(title=escape(page.title), words=escape(page.words), link=link)
    return web.Response(status=page.status, text=text, content_type="text/html", headers=HEADERS)
