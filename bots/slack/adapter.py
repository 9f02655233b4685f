"""The door: Slack's events come in, are kept, and only then acknowledged."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Self

import aiohttp
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bots.delivery.at_least_once import Redelivery, persist
from bots.delivery.backfill import Backfill
from bots.delivery.fencing import fence_requests
from bots.delivery.throttle import Pace
from bots.slack import bolt_app, http_mode, parse
from bots.slack.backfill import Search
from bots.slack.client import Web
from bots.slack.directory import Directory
from bots.slack.publisher import NOTICE, QUIET
from bots.slack.settings import SlackSettings
from bots.slack.slash import form, slashed, submitted
from bots.slack.socket_mode import PATIENCE, ReconnectPolicy, Socket
from bots.slack.surface import SlackSurface
from bots.slack.throttle import PAUSE, Leisure
from core.domain.clock import Clock, Sleep, system_clock
from core.domain.errors import CannotAnswer, CannotConnect, CannotShow, RateLimited, Rejected, Uncertain
from core.domain.events import Commanded, Event, Ingest, Missed
from core.domain.messages import Question
from core.settings import Settings
from core.telemetry import Emit, discard_event

SECONDS = 30.0  # that Slack gets to answer us

log = logging.getLogger(__name__)


class Slack:
    """Slack as a platform: Socket Mode with `app_token`, else HTTP mode with `signing_secret`, on `routes`."""

    name = "slack"

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
    ) -> None:
        self._bot_token = bot_token
        self._app_token, self._signing_secret = app_token, signing_secret
        self._emit = emit
        self.offline = "not connected yet"
        self._api_url, self._managers = api_url, managers
        self._grows = grows
        self._pause, self._seconds, self._retry_policy = pause, seconds, retry_policy
        self._sleep, self._clock = sleep, clock
        self._session: aiohttp.ClientSession | None = None
        self._known: tuple[Web, Directory] | None = None
        self._knowing = asyncio.Lock()
        self._telling: Redelivery | None = None
        self._app: AsyncApp | None = None

    @classmethod
    def of(cls, settings: SlackSettings, core: Settings, emit: Emit = discard_event) -> Self:
        """Slack as the settings have it. Raises SettingsError."""
        settings.check_tokens(core.confab_http_port)
        return cls(
            settings.bot_token,
            app_token=settings.app_token,
            signing_secret=settings.signing_secret,
            emit=emit,
            api_url=settings.slack_api_url,
            managers=core.confab_managers,
            grows=settings.slack_streaming != "final",
        )

    def routes(self) -> list[web.RouteDef]:
        """The HTTP routes of HTTP mode; none in Socket Mode. What comes while we are not connected is refused."""
        if self._app_token or not self._signing_secret:  # an empty secret would be everybody's
            return []
        return http_mode.routes(lambda: self._app, self._signing_secret)

    async def run(self, ingest: Ingest) -> None:
        """Connect, and tell every event, until cancelled. Raises CannotConnect."""
        web, _ = await self._introduced()
        looking = Web(self._client(), web.us, web.pace, self._sleep, leisure=Leisure(), emit=self._emit)
        catching_up = Backfill(ingest, Search(looking).found, self._sleep)
        self._telling = Redelivery(catching_up.ingest, self._sleep)
        try:
            await self._connected(web, catching_up.ingest)
        finally:
            await self._telling.stop()
            await catching_up.stop()

    async def surface(self, question: Question) -> SlackSurface:
        """The thread of `question`. Raises CannotShow when Slack does not know us any more."""
        try:
            web, people = await self._introduced()
        except CannotConnect as error:
            raise CannotShow(str(error)) from None
        return SlackSurface(web, people, question, self._grows)

    async def _connected(self, web: Web, ingest: Ingest) -> None:
        app = bolt_app.app(web.client, web.us, self._listen)
        if self._app_token:
            ours, retry_policy = frozenset({web.us.workspace}), self._retry_policy
            socket = Socket(
                app, self._app_token, web.client, ingest, workspaces=ours, retry_policy=retry_policy, told=self._told
            )
            await socket.run()
            return
        await persist(ingest, self._gap(web), self._sleep)
        self._app, self.offline = app, ""
        try:
            await asyncio.Event().wait()
        finally:
            self._app = None

    def _gap(self, web: Web) -> Missed:
        return Missed(self._clock().isoformat(), "slack", frozenset({web.us.workspace}))

    async def tell(self, workspace: str, person: str, text: str) -> None:
        """A direct message. Raises CannotShow."""
        try:
            web, _ = await self._introduced()
            opened = await web.call_until_done("conversations.open", users=person)
            await web.call_once(
                "chat.postMessage", channel=opened["channel"]["id"], text=text, **QUIET, metadata=NOTICE
            )
        except (CannotConnect, Rejected, CannotAnswer, RateLimited, Uncertain) as error:
            raise CannotShow(f"a direct message to {person} was not sent: {error}") from None

    def _told(self, offline: str) -> None:
        self.offline = offline

    async def close(self) -> None:
        """Let go of the network. Answers under way need it, so that it outlives `run`."""
        if self._session is not None:
            await self._session.close()

    def _client(self) -> AsyncWebClient:
        """A client over our one session, which repeats nothing by itself: a post whose answer is lost may stand."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._seconds)
            self._session = aiohttp.ClientSession(
                timeout=timeout, trace_configs=[fence_requests(aiohttp.TraceConfig())]
            )
        return AsyncWebClient(self._bot_token, self._api_url, session=self._session, retry_handlers=[])

    async def _introduced(self) -> tuple[Web, Directory]:
        """Who we are, asked once. Raises CannotConnect when Slack does not take our token."""
        async with self._knowing:
            if self._known is None:
                nobody = parse.Us("", "", "", "")
                us = us_of(
                    await self._asked(Web(self._client(), nobody, Pace(self._pause), self._sleep, emit=self._emit))
                )
                web = Web(self._client(), us, Pace(self._pause), self._sleep, emit=self._emit)
                self._known = web, Directory(web, self._managers)
                log.info("Slack knows us in %s", us.workspace)
            return self._known

    async def _asked(self, web: Web) -> parse.Raw:
        try:
            return await web.call_until_done("auth.test")
        except (CannotShow, Rejected, CannotAnswer) as error:
            raise CannotConnect(f"SLACK_BOT_TOKEN: Slack does not take this token ({error}).") from None

    async def _listen(self, body: dict[str, Any]) -> bool:
        """Tell what a payload tells. It is not acknowledged before it is safe on disk."""
        assert self._telling is not None
        return await self._telling.store_events(await self._events(body))

    async def _events(self, body: dict[str, Any]) -> Sequence[Event]:
        """What a payload tells. One that can't be read is logged without its words, and let go."""
        try:
            return await self._parsed(body)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            kind = str(body.get("type") or ("command" if "command" in body else "payload"))
            log.error("a malformed %s %s is left out: %r", kind[:40], str(body.get("event_id", ""))[:40], error)
            return []

    async def _parsed(self, body: dict[str, Any]) -> Sequence[Event]:
        web, _ = await self._introduced()
        if "command" in body:
            return await self._given(web, slashed(body, self._clock()), body["trigger_id"])
        match body.get("type"):
            case "event_callback":
                return parse.told(body, web.us)
            case "view_submission":
                command = submitted(body, self._clock())
                return [command] if command else []
            case "app_rate_limited":
                return [self._gap(web)]
        return []

    async def _given(self, web: Web, command: Commanded, trigger: str) -> Sequence[Event]:
        """The command, unless a form is opened that asks for the rest of it."""
        view = form(command)
        if view is None:
            return [command]
        try:
            await web.call_once("views.open", trigger_id=trigger, view=view)
        except (RateLimited, Uncertain, Rejected, CannotShow, CannotAnswer) as error:
            log.warning("a form could not be opened: %s", error)
            return [command]
        return []


def us_of(answer: parse.Raw) -> parse.Us:
    """Who auth.test says we are."""
    team, enterprise = str(answer.get("team_id") or ""), str(answer.get("enterprise_id") or "")
    return parse.Us(
        workspace=f"slack:{enterprise or team}",
        user=str(answer.get("user_id") or ""),
        bot=str(answer.get("bot_id") or ""),
        team=team,
        enterprise=enterprise,
    )
