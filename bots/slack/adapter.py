"""Adapter of Slack: connects, gives events to core, and makes the surface of each question."""

import asyncio
import logging
from functools import partial
from typing import Any, Self

import aiohttp
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bots.delivery.at_least_once import persist
from bots.delivery.backfill import Backfill
from bots.delivery.fencing import fence_requests
from bots.delivery.pace import Pace
from bots.slack import bolt_app, formatting, http_mode, parse
from bots.slack.backfill import BackfillSource
from bots.slack.client import SDK_LOG, Web
from bots.slack.directory import Directory
from bots.slack.home.home import Home
from bots.slack.intake import Intake, build_gap
from bots.slack.publisher import NOTICE, QUIET
from bots.slack.response import SlackResponse
from bots.slack.settings import SlackSettings
from bots.slack.socket_mode import PATIENCE, ReconnectPolicy, Socket
from bots.slack.surface import SlackSurface
from bots.slack.throttle import PAUSE, Leisure
from core.commands.overview import Overviews
from core.domain.clock import Clock, Sleep, system_clock
from core.domain.errors import (
    CannotAnswer,
    CannotConnect,
    CannotShow,
    PlaceClosed,
    RateLimited,
    Rejected,
    TokenRefused,
    Uncertain,
)
from core.domain.events import Ingest
from core.domain.messages import Question
from core.rendering.paginator import cut
from core.settings import Settings
from core.telemetry import Emit, discard_event

NOT_YET = "not connected yet"
SECONDS = 30.0  # that Slack gets to answer us

log = logging.getLogger(__name__)


class Slack:
    """Slack as a platform: Socket Mode with `app_token`, else HTTP mode with `signing_secret`, on `routes`."""

    name = "slack"
    instructions = formatting.INSTRUCTIONS

    def __init__(
        self,
        bot_token: str,
        *,
        app_token: str = "",
        signing_secret: str = "",
        emit: Emit = discard_event,
        api_url: str = "https://slack.com/api/",
        managers: frozenset[str] = frozenset(),
        grows: bool = True,
        pause: float = PAUSE,
        seconds: float = SECONDS,
        retry_policy: ReconnectPolicy = PATIENCE,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = system_clock,
        overviews: Overviews | None = None,
    ) -> None:
        self._bot_token = bot_token
        self._app_token, self._signing_secret = app_token, signing_secret
        self._emit = emit
        self.offline = NOT_YET
        self._api_url, self._managers = api_url, managers
        self._grows = grows
        self._pause, self._seconds, self._retry_policy = pause, seconds, retry_policy
        self._sleep, self._clock = sleep, clock
        self._overviews = overviews
        self._session: aiohttp.ClientSession | None = None
        self._known: tuple[Web, Directory] | None = None
        self._identifying = asyncio.Lock()
        self._intake: Intake | None = None
        self._app: AsyncApp | None = None

    @classmethod
    def from_settings(
        cls, settings: SlackSettings, core: Settings, emit: Emit = discard_event, overviews: Overviews | None = None
    ) -> Self:
        """Make the adapter that the settings describe. Raises SettingsError."""
        settings.check_tokens(core.confab_http_port)
        return cls(
            settings.bot_token,
            app_token=settings.app_token,
            signing_secret=settings.signing_secret,
            emit=emit,
            api_url=settings.slack_api_url,
            managers=core.confab_managers,
            grows=settings.slack_streaming != "final",
            overviews=overviews,
        )

    def routes(self) -> list[web.RouteDef]:
        """The HTTP routes of HTTP mode; none in Socket Mode. What comes while we are not connected is refused."""
        if self._app_token or not self._signing_secret:  # an empty secret would be everybody's
            return []
        return http_mode.build_routes(lambda: self._app, self._signing_secret)

    async def run(self, ingest: Ingest) -> None:
        """Connect, and ingest every event, until cancelled. Raises CannotConnect."""
        web, people = await self._identify()
        slow = Web(self._make_client(), web.us, web.pace, self._sleep, leisure=Leisure(), emit=self._emit)
        backfill = Backfill(ingest, BackfillSource(slow).fetch_missed, self._sleep)
        home = Home(web, people, self._overviews) if self._overviews else None
        self._intake = Intake(backfill.ingest, web, self._sleep, self._clock, home)
        try:
            await self._connect(web, backfill.ingest)
        finally:
            await self._intake.stop()
            await backfill.stop()

    async def surface(self, question: Question) -> SlackSurface:
        """Make the surface of `question`. Raises TokenRefused when Slack does not know us any more."""
        try:
            web, people = await self._identify()
        except CannotConnect as error:
            raise TokenRefused(str(error)) from None
        return SlackSurface(web, people, question, self._grows)

    async def _connect(self, web: Web, ingest: Ingest) -> None:
        app = bolt_app.build_app(web.client, web.us, self._accept)
        if self._app_token:
            socket = Socket(
                app,
                self._app_token,
                web.client,
                ingest,
                workspaces=frozenset({web.us.workspace}),
                retry_policy=self._retry_policy,
                report_offline=self._set_offline,
            )
            await socket.run()
            return
        await persist(ingest, build_gap(web, self._clock()), self._sleep)
        self._app, self.offline = app, ""
        try:
            await asyncio.Event().wait()
        finally:
            self._app = None

    async def tell(self, workspace: str, person: str, text: str, answer: str = "") -> None:
        """Send a direct message, all of it marked as a notice: no page answers what was asked there.

        Raises CannotShow.
        """
        try:
            web, _ = await self._identify()
            opened = await web.call_until_done("conversations.open", users=person)
            post = partial(web.call_once, "chat.postMessage", channel=opened["channel"]["id"], metadata=NOTICE, **QUIET)
            await post(text=text)
            for page in await cut(answer, partial(formatting.cut_plainly, answer)):
                blocks = formatting.build_sections(page)
                await web.retry(
                    partial(post, text=formatting.render_fallback_text(page), blocks=blocks), on=(RateLimited,)
                )
        except (CannotConnect, PlaceClosed, Rejected, CannotAnswer, RateLimited, Uncertain) as error:
            raise CannotShow(f"a direct message to {person} was not sent: {error}") from None

    def _set_offline(self, offline: str) -> None:
        self.offline = offline

    async def close(self) -> None:
        """Close the HTTP session. Answers under way need it, so that it outlives `run`."""
        if self._session is not None:
            await self._session.close()

    def _make_client(self) -> AsyncWebClient:
        """Make a client over our one session. It repeats nothing by itself: a post whose answer is lost may stand."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._seconds)
            tracing = [fence_requests(aiohttp.TraceConfig())]
            self._session = aiohttp.ClientSession(timeout=timeout, trace_configs=tracing, response_class=SlackResponse)
        return AsyncWebClient(self._bot_token, self._api_url, session=self._session, retry_handlers=[], logger=SDK_LOG)

    async def _identify(self) -> tuple[Web, Directory]:
        """Ask once who we are. Raises CannotConnect when Slack does not take our token."""
        async with self._identifying:
            if self._known is None:
                nobody = parse.BotIdentity("", "", "", "")
                unknown = Web(self._make_client(), nobody, Pace(self._pause), self._sleep, emit=self._emit)
                us = parse_identity(await self._test_token(unknown))
                web = Web(self._make_client(), us, Pace(self._pause), self._sleep, emit=self._emit)
                self._known = web, Directory(web, self._managers)
                log.info("Slack knows us in %s", us.workspace)
            return self._known

    async def _test_token(self, web: Web) -> parse.Raw:
        try:
            found = await web.retry(lambda: web.call_once("auth.test"), report=self._report_unreachable)
        except (CannotShow, Rejected, CannotAnswer) as error:
            raise CannotConnect(f"SLACK_BOT_TOKEN: Slack does not take this token ({error}).") from None
        self.offline = NOT_YET
        return found

    def _report_unreachable(self, failure: BaseException, seconds: float) -> None:
        log.warning("Slack can't be reached, trying again in %.1f s: %s", seconds, failure)
        self.offline = f"Slack can't be reached: {failure}"

    async def _accept(self, body: dict[str, Any]) -> bool:
        assert self._intake is not None
        return await self._intake.accept(body)


def parse_identity(answer: parse.Raw) -> parse.BotIdentity:
    """The identity that auth.test answers."""
    team, enterprise = str(answer.get("team_id") or ""), str(answer.get("enterprise_id") or "")
    return parse.BotIdentity(
        workspace=f"slack:{enterprise or team}",
        user=str(answer.get("user_id") or ""),
        bot=str(answer.get("bot_id") or ""),
        team=team,
        enterprise=enterprise,
        url=str(answer.get("url") or ""),
    )
