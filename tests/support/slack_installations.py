"""Many workspaces in one house, and a browser in which somebody installs the app."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from http.cookies import SimpleCookie
from typing import Any

import aiohttp

from bots.slack.installations.setup import Installing
from core.store.protocols import Store
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.neighbours import Neighbour
from tests.fakes.slack.nouns import TEAM, Team
from tests.fakes.slack.server import SlackFake
from tests.support.slack_house import House, living

PUBLIC = "https://confab.example"
KEYS = ("k" * 42 + "A=", "m" * 42 + "A=")
SECOND = Team("T0TWO", "Difference Engines")
LINK = re.compile(r'href="([^"]+)"')


def read_clock(slack: SlackFake) -> Callable[[], datetime]:
    """The fake's clock, as the house reads it."""
    return lambda: datetime.fromtimestamp(slack.world.clock(), UTC)


def make_installing(slack: SlackFake, kept: Store, keys: tuple[str, ...] = KEYS[:1], **options: Any) -> Installing:
    """The set-up of an app with the id and secret that Slack knows."""
    slack.oauth.redirects = {f"{PUBLIC}/slack/oauth_redirect"}
    given = {
        "client_secret": slack.oauth.client_secret,
        "public_url": PUBLIC,
        "store": kept.installations,
        "keys": keys,
    }
    return Installing(slack.oauth.client_id, **{**given, **options})


@dataclass(frozen=True, slots=True)
class Answered:
    """What a browser was shown."""

    status: int
    text: str
    headers: Any

    @property
    def title(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.text)
        return unescape(found[1]) if found else ""

    @property
    def link(self) -> str:
        """Where the page's button leads."""
        found = LINK.search(self.text)
        assert found
        return unescape(found[1])


@dataclass(slots=True)
class Browser:
    """Follows links to a house, and keeps its cookies as a browser does."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    async def open(self, address: str) -> Answered:
        """Show a page of the house, under its public address or a path."""
        path = address.removeprefix(PUBLIC)
        assert path.startswith("/"), "another server's page"
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            url = f"http://127.0.0.1:{self.port}{path}"
            headers = {"Cookie": cookies} if cookies else {}
            async with session.get(url, headers=headers, allow_redirects=False) as answer:
                self._keep(answer.headers.getall("Set-Cookie", []))
                return Answered(answer.status, await answer.text(), answer.headers)

    async def send(self, begun: bytes, cookie: bytes) -> bytes:
        """What is answered to a request with a cookie of any bytes, as no library would send it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(begun + b" HTTP/1.1\r\nHost: confab\r\nConnection: close\r\nCookie: " + cookie + b"\r\n\r\n")
        try:
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    def _keep(self, given: list[str]) -> None:
        for line in given:
            for name, morsel in SimpleCookie(line).items():
                assert (morsel["httponly"], morsel["secure"], morsel["samesite"]) == (True, True, "Lax")
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value

    async def install(self, slack: SlackFake, team: Team, person: str = "U0ADA") -> Answered:
        """Install the app in a team, from the page to the end."""
        page = await self.open("/slack/install")
        return await self.open(slack.oauth.allow(page.link, team, person))


@dataclass(frozen=True, slots=True)
class Town:
    """A house with two workspaces, whose channels and people have the same ids."""

    home: House
    second: Neighbour

    @property
    def slack(self) -> SlackFake:
        return self.home.slack

    @property
    def first(self) -> Team:
        return self.home.slack.world.teams[TEAM]

    @property
    def browser(self) -> Browser:
        """A new browser."""
        return Browser(self.home.port)


@asynccontextmanager
async def town(
    slack: SlackFake,
    claude: ClaudeFake,
    store: Store,
    *,
    http: bool = False,
    installed: bool = True,
    team: Team = SECOND,
    second: Neighbour | None = None,
    keys: tuple[str, ...] = KEYS[:1],
    setup: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Town]:
    """A house that serves two workspaces, which have installed the app where that is wanted."""
    neighbour = second or slack.add_workspace(team)
    installing = make_installing(slack, store, keys, **(setup or {}))
    async with living(slack, claude, store, http, installing=installing, **options) as home:
        found = Town(home, neighbour)
        if installed:
            for one in (found.first, team):
                await found.browser.install(slack, one)
        yield found
