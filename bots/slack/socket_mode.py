"""Socket Mode: a connection to Slack that is kept up, and that says when events may have been missed."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import Limited, Unsure, failed
from core.domain.errors import CannotConnect, StoreUnavailable
from core.domain.events import Ingest, Missed

PARTING = 3.0  # seconds that events under way get at the end; Slack waits no longer for their ack

log = logging.getLogger(__name__)
quiet = logging.getLogger("slack_sdk.socket")


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How long we wait for Slack, in seconds."""

    ping: float = 10.0
    """Between two pings; a connection that says nothing is made anew after one and a half of them."""
    emit: float = 5.0
    """Between two looks at the connection."""
    lost: float = 60.0
    """Without a connection, until we begin from nothing: the SDK goes on with an address that is stale."""
    connect: float = 30.0
    """For connecting."""
    again: float = 5.0
    """Between two tries to reach Slack."""


PATIENCE = ReconnectPolicy()


class Socket:
    """Hands every envelope to `app`, whose answer is the ack. `ingest` is given each gap before what follows it.

    `workspaces` are those in which something may have been missed then; none named means all.
    """

    def __init__(
        self,
        app: AsyncApp,
        token: str,
        client: AsyncWebClient,
        ingest: Ingest,
        *,
        workspaces: frozenset[str] = frozenset(),
        retry_policy: ReconnectPolicy = PATIENCE,
        report_offline: Callable[[str], None] = lambda _offline: None,
    ) -> None:
        self._app = app
        self._token = token
        self._client = client
        self._ingest = ingest
        self._workspaces = workspaces
        self._retry_policy = retry_policy
        self._report_offline = report_offline
        self._gap_recorded = asyncio.Event()
        self._busy: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Stay connected until cancelled. Raises CannotConnect when Slack does not take our token."""
        while True:
            address = await self._address()
            handler = AsyncSocketModeHandler(
                self._app, self._token, quiet, self._client, ping_interval=self._retry_policy.ping
            )
            handler.client.message_listeners.append(self._record_gap)
            handler.client.socket_mode_request_listeners[:] = [self._build_listener(handler)]
            handler.client.wss_uri = address
            try:
                await self._hold_connection(handler)
            finally:
                await self._close(handler)

    async def _address(self) -> str:
        """Where to connect. Tells a wrong token from a Slack that can't be reached."""
        while True:
            try:
                answer = await self._client.apps_connections_open(app_token=self._token)
                return str(answer["url"])
            except SlackApiError as error:
                failure = failed("apps.connections.open", error)
                if not isinstance(failure, Limited | Unsure):
                    raise CannotConnect(f"SLACK_APP_TOKEN: Slack does not take this token ({failure}).") from None
                pause = failure.seconds if isinstance(failure, Limited) else self._retry_policy.again
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failure, pause = Unsure(f"apps.connections.open: {type(error).__name__}"), self._retry_policy.again
            log.warning("Slack can't be reached, trying again: %s", failure)
            self._report_offline(f"Slack can't be reached: {failure}")
            await asyncio.sleep(pause)

    async def _hold_connection(self, handler: AsyncSocketModeHandler) -> None:
        """Connect, and return when the connection was lost for long."""
        try:
            async with asyncio.timeout(self._retry_policy.connect):
                await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt has no types here
        except TimeoutError:
            return
        retry_policy, lost = self._retry_policy, 0.0
        while lost < retry_policy.lost:
            await asyncio.sleep(retry_policy.emit)
            lost = 0.0 if await handler.client.is_connected() else lost + retry_policy.emit
            self._report_offline(f"without a connection for {lost:g} s" if lost else "")
        log.warning("the connection to Slack was lost for %d s, beginning anew", lost)

    async def _close(self, handler: AsyncSocketModeHandler) -> None:
        """Wait for acks under way, then disconnect."""
        if self._busy:
            await asyncio.wait(self._busy, timeout=PARTING)
        client = handler.client
        tasks = [client.message_processor, client.current_session_monitor, client.message_receiver]
        await handler.close_async()  # type: ignore[no-untyped-call]  # nor here
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)

    async def _record_gap(self, client: Any, message: dict[str, Any], raw: str | None) -> None:
        """Store a gap at each hello, with which a new connection begins: events before it may have been missed."""
        if message.get("type") != "hello":
            return
        self._gap_recorded.clear()
        log.info("connected to Slack")
        while True:
            try:
                await self._ingest(Missed(secrets.token_hex(8), "slack", self._workspaces))
                break
            except StoreUnavailable as error:
                log.error("a gap could not be written down: %s", error)
                await asyncio.sleep(self._retry_policy.again)
        self._gap_recorded.set()
        self._report_offline("")

    def _build_listener(self, handler: AsyncSocketModeHandler) -> Any:
        async def hand(client: Any, request: SocketModeRequest) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
            await self._gap_recorded.wait()
            await handler.handle(client, request)

        return hand
