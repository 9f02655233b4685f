"""Adapter of Slack: connects, gives events to core, and makes the surface of each question."""

import asyncio
import logging
from collections.abc import Callable
from typing import Self

from aiohttp import web
from slack_bolt.async_app import AsyncApp

from bots.delivery.at_least_once import persist
from bots.ops.plugin import PlatformResources
from bots.ops.secret_keys import ensure_secret_keys
from bots.slack import bolt_app, formatting, http_mode, parse
from bots.slack.installations.clients import SECONDS, Clients
from bots.slack.installations.setup import Installing, OpenedInstallations
from bots.slack.installations.single_token import NOT_YET, SingleToken
from bots.slack.installations.workspace import Workspaces, start_backfill
from bots.slack.intake import build_gap
from bots.slack.settings import SlackSettings
from bots.slack.socket_mode import PATIENCE, ReconnectPolicy, Socket
from bots.slack.streams.rules import StreamRules
from bots.slack.surface import OFFER, SlackSurface
from bots.slack.throttle import PAUSE
from core.commands.overview import Overviews
from core.domain.clock import Clock, Sleep, system_clock
from core.domain.controls import Control
from core.domain.errors import CannotConnect, CannotShow, StoreUnavailable, TokenRefused
from core.domain.events import Ingest
from core.domain.messages import Question
from core.domain.platform import Connected, ignore_connected
from core.telemetry import Emit, discard_event

log = logging.getLogger(__name__)


class Slack:
    """Slack as a platform: Socket Mode with `app_token`, else HTTP mode with `signing_secret`, on `routes`."""

    name = "slack"
    instructions = formatting.INSTRUCTIONS
    file_hint = (
        "Mention me in the message that has it, and write `!batch` with what is to be done with each row; or choose "
        "“Run a batch on this” in the menu of such a message."
    )

    def __init__(
        self,
        bot_token: str = "",
        *,
        installing: Installing | None = None,
        app_token: str = "",
        signing_secret: str = "",
        emit: Emit = discard_event,
        api_url: str = "https://slack.com/api/",
        managers: frozenset[str] = frozenset(),
        grows: bool = True,
        streams: StreamRules | None = None,
        scarce: bool = False,
        pause: float = PAUSE,
        seconds: float = SECONDS,
        retry_policy: ReconnectPolicy = PATIENCE,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = system_clock,
        overviews: Overviews | None = None,
        processes: Callable[[], int] = lambda: 1,
        offer: float = OFFER,
    ) -> None:
        self.offline = NOT_YET
        self._connected = ignore_connected
        self._app_token, self._signing_secret = app_token, signing_secret
        self._retry_policy = retry_policy
        self._clients = Clients(
            api_url, pause, seconds, sleep, clock, emit, streams, overviews, scarce, processes, offer
        )
        self._workspaces: Workspaces
        self._installed: OpenedInstallations | None = None
        if installing:
            self._installed = installing.open(self._clients, managers=managers, grows=grows)
            self._workspaces = self._installed.workspaces
        else:
            self._workspaces = SingleToken(self._clients, bot_token, self._set_offline, managers=managers, grows=grows)
        self._app: AsyncApp | None = None

    @classmethod
    def from_settings(cls, settings: SlackSettings, resources: PlatformResources) -> Self:
        """Make the adapter that the settings describe. Raises SettingsError."""
        core = resources.settings
        settings.check_tokens(core)
        installing = None
        if settings.serves_many:
            assert resources.installations is not None
            installing = Installing(
                client_id=settings.slack_client_id,
                client_secret=settings.client_secret,
                public_url=core.confab_public_url,
                store=resources.installations,
                keys=ensure_secret_keys(core),
                erase=settings.slack_uninstalled == "erase",
            )
        return cls(
            settings.bot_token,
            installing=installing,
            app_token=settings.app_token,
            signing_secret=settings.signing_secret,
            emit=resources.emit,
            api_url=settings.slack_api_url,
            managers=core.confab_managers,
            grows=settings.slack_streaming != "final",
            streams=settings.streams,
            scarce=settings.slack_history == "own",
            overviews=resources.overviews,
            processes=resources.processes,
        )

    @property
    def reachable(self) -> bool:
        return not self.offline

    def routes(self) -> list[web.RouteDef]:
        """The HTTP routes of HTTP mode, none in Socket Mode; and the pages on which workspaces install us.

        What comes while we are not connected is refused.
        """
        pages = self._installed.pages.build_routes() if self._installed else []
        if self._app_token or not self._signing_secret:  # an empty secret would be everybody's
            return pages
        return [*pages, *http_mode.build_routes(lambda: self._app, self._signing_secret)]

    async def run(self, ingest: Ingest, connected: Connected = ignore_connected) -> None:
        """Connect, and ingest every event, until cancelled. Raises CannotConnect."""
        self._connected = connected
        names = await self._workspaces.connect()
        if self._installed:
            log.info("Slack: workspaces install Confab at %s", self._installed.pages.address)
        backfill = start_backfill(self._workspaces, ingest, self._clients)
        renewing = asyncio.create_task(self._installed.workspaces.run_renewals()) if self._installed else None
        try:
            await self._connect(names, backfill.ingest)
        finally:
            if renewing:
                renewing.cancel()
            await self._workspaces.stop()
            await backfill.stop()

    async def surface(self, question: Question) -> SlackSurface:
        """Make the surface of `question`. Raises TokenRefused when Slack does not know us any more."""
        try:
            workspace = await self._workspaces.find(question.key.workspace)
        except CannotConnect as error:
            raise TokenRefused(str(error)) from None
        return workspace.make_surface(question)

    async def _connect(self, names: frozenset[str], ingest: Ingest) -> None:
        """Take in payloads, by Socket Mode or on our routes. `names` are the workspaces that a gap concerns."""

        async def accept(body: parse.Raw) -> parse.Raw | None:
            return await self._accept(body, ingest)

        app = bolt_app.build_app(self._clients.make_client(), accept)
        if self._app_token:
            socket = Socket(
                app,
                self._app_token,
                self._clients.make_client(),
                ingest,
                workspaces=names,
                retry_policy=self._retry_policy,
                report_offline=self._set_offline,
            )
            await socket.run()
            return
        await persist(ingest, build_gap(names, self._clients.clock()), self._clients.sleep)
        self._app = app
        self._set_offline("")
        try:
            await asyncio.Event().wait()
        finally:
            self._app = None

    async def _accept(self, body: parse.Raw, ingest: Ingest) -> parse.Raw | None:
        """Store a payload where it belongs; the answer to it, or None. Without a workspace nobody wants it."""
        try:
            workspace = await self._workspaces.find_for(body)
            if workspace is None:
                log.info("an event of %s is left out: Confab is not installed there", parse.parse_workspace(body))
                return {}
            answer = await workspace.accept(body, ingest)
            if answer is not None and (ended := parse.parse_end(body)):
                await self._workspaces.end(ended.workspace, ended.at)
        except (CannotConnect, StoreUnavailable) as error:
            log.error("an event is not acknowledged: %s", error)
            return None
        return answer

    async def tell(
        self, workspace: str, person: str, text: str, answer: str = "", *, button: tuple[Control, str] | None = None
    ) -> None:
        """Send a direct message, all of it marked as a notice. Raises CannotShow."""
        try:
            found = await self._workspaces.find(workspace)
        except (CannotConnect, StoreUnavailable) as error:
            raise CannotShow(f"a direct message to {person} was not sent: {error}") from None
        await found.tell(person, text, answer, button)

    def _set_offline(self, offline: str) -> None:
        returned, self.offline = bool(self.offline and not offline), offline
        if returned:
            self._connected()

    async def close(self) -> None:
        """Close the HTTP session. Answers under way need it, so that it outlives `run`."""
        await self._clients.close()
