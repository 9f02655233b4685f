"""The door: Slack's events come in, are kept, and only then acknowledged."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.delivery.at_least_once import Telling, surely
from bots.delivery.backfill import CatchingUp
from bots.delivery.fencing import fenced
from bots.ops.http_server import Mount, Server
from bots.slack import bolt_app, http_mode, parse
from bots.slack.backfill import Search
from bots.slack.client import Limited, Refused, Sleep, Unsure, Web
from bots.slack.directory import People
from bots.slack.publisher import NOTICE, QUIET
from bots.slack.slash import form, slashed, submitted
from bots.slack.socket_mode import PATIENCE, Patience, Socket
from bots.slack.surface import Surface
from bots.slack.throttle import PAUSE, Leisure, Pace
from bots.slack.tokens import check
from core.domain.messages import Commanded, Event, Gap, Gone, Hear, Hindered, Question, Unconnectable
from core.settings import Settings
from core.telemetry import Watch, unwatched

SECONDS = 30.0  # that Slack gets to answer us

log = logging.getLogger(__name__)


class Slack:
    """Slack as a platform: Socket Mode with `app_token`, else HTTP mode with `signing_secret` on a server's `mount`."""

    name = "slack"

    def __init__(
        self,
        bot_token: str,
        *,
        app_token: str = "",
        signing_secret: str = "",
        mount: Mount | None = None,
        watch: Watch = unwatched,
        api_url: str = "https://slack.com/api/",
        managers: frozenset[str] = frozenset(),
        grows: bool = True,
        pause: float = PAUSE,
        seconds: float = SECONDS,
        patience: Patience = PATIENCE,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bot_token = bot_token
        self._app_token, self._signing_secret = app_token, signing_secret
        self._mount = mount or Server().mounted
        self._watch = watch
        self.offline = "not connected yet"
        self._api_url, self._managers = api_url, managers
        self._grows = grows
        self._pause, self._seconds, self._patience = pause, seconds, patience
        self._sleep, self._clock = sleep, clock
        self._session: aiohttp.ClientSession | None = None
        self._known: tuple[Web, People] | None = None
        self._knowing = asyncio.Lock()
        self._telling: Telling | None = None

    @classmethod
    def of(cls, settings: Settings, mount: Mount | None = None, watch: Watch = unwatched) -> Self | None:
        """Slack as the settings have it, or None if they do not; HTTP is answered where `mount` says. Raises Misset."""
        bot, app, secret = (
            value.get_secret_value() if value else ""
            for value in (settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret)
        )
        if not (bot or app or secret):
            return None
        check(bot, app, secret, settings.confab_http_port)
        return cls(
            bot,
            app_token=app,
            signing_secret=secret,
            mount=mount,
            watch=watch,
            api_url=settings.slack_api_url,
            managers=settings.confab_managers,
            grows=settings.slack_streaming != "final",
        )

    async def run(self, hear: Hear) -> None:
        """Connect, and tell every event, until cancelled. Raises Unconnectable."""
        web, _ = await self._introduced()
        looking = Web(self._client(), web.us, web.pace, self._sleep, leisure=Leisure(), watch=self._watch)
        catching_up = CatchingUp(hear, Search(looking).found, self._sleep)
        self._telling = Telling(catching_up.hear, self._sleep)
        try:
            await self._connected(web, catching_up.hear)
        finally:
            await self._telling.stop()
            await catching_up.stop()

    async def surface(self, question: Question) -> Surface:
        """The thread of `question`. Raises Gone when Slack does not know us any more."""
        try:
            web, people = await self._introduced()
        except Unconnectable as error:
            raise Gone(str(error)) from None
        return Surface(web, people, question, self._grows)

    async def _connected(self, web: Web, hear: Hear) -> None:
        app = bolt_app.app(web.client, web.us, self._listen)
        if self._app_token:
            ours, patience = frozenset({web.us.workspace}), self._patience
            socket = Socket(app, self._app_token, web.client, hear, workspaces=ours, patience=patience, told=self._told)
            await socket.run()
            return
        await surely(hear, self._gap(web), self._sleep)
        with self._mount(http_mode.routes(app, self._signing_secret)):
            self.offline = ""
            await asyncio.Event().wait()

    def _gap(self, web: Web) -> Gap:
        return Gap(self._clock().isoformat(), "slack", frozenset({web.us.workspace}))

    async def tell(self, workspace: str, person: str, text: str) -> None:
        """A direct message. Raises Gone."""
        try:
            web, _ = await self._introduced()
            opened = await web.surely("conversations.open", users=person)
            await web.once("chat.postMessage", channel=opened["channel"]["id"], text=text, **QUIET, metadata=NOTICE)
        except (Unconnectable, Refused, Hindered, Limited, Unsure) as error:
            raise Gone(f"a direct message to {person} was not sent: {error}") from None

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
            self._session = aiohttp.ClientSession(timeout=timeout, trace_configs=[fenced(aiohttp.TraceConfig())])
        return AsyncWebClient(self._bot_token, self._api_url, session=self._session, retry_handlers=[])

    async def _introduced(self) -> tuple[Web, People]:
        """Who we are, asked once. Raises Unconnectable when Slack does not take our token."""
        async with self._knowing:
            if self._known is None:
                nobody = parse.Us("", "", "", "")
                us = us_of(await self._asked(Web(self._client(), nobody, Pace(), self._sleep, watch=self._watch)))
                web = Web(self._client(), us, Pace(self._pause), self._sleep, watch=self._watch)
                self._known = web, People(web, self._managers)
                log.info("Slack knows us in %s", us.workspace)
            return self._known

    async def _asked(self, web: Web) -> parse.Raw:
        try:
            return await web.patiently()(web.once, "auth.test")
        except (Gone, Refused, Hindered) as error:
            raise Unconnectable(f"SLACK_BOT_TOKEN: Slack does not take this token ({error}).") from None

    async def _listen(self, body: dict[str, Any]) -> bool:
        """Tell what a payload tells. It is not acknowledged before it is safe on disk."""
        assert self._telling is not None
        return await self._telling.kept(await self._events(body))

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
            await web.once("views.open", trigger_id=trigger, view=view)
        except (Limited, Unsure, Refused, Gone, Hindered) as error:
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
