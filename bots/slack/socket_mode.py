"""Socket Mode: a connection to Slack that is kept up, and that says when events may have been missed."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import classify_error, describe_failure
from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.errors import CannotConnect, RateLimited, StoreUnavailable, Uncertain
from core.domain.events import Ingest, Missed

PARTING = 3.0  # seconds that events under way get at the end; Slack waits no longer for their ack

Result = TypeVar("Result")

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
    """Between two tries to reach Slack, and at most half as long again."""


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
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._app = app
        self._token = token
        self._client = client
        self._ingest = ingest
        self._workspaces = workspaces
        self._retry_policy = retry_policy
        self._report_offline = report_offline
        self._sleep = sleep
        self._gap_recorded = asyncio.Event()
        self._busy: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Stay connected until cancelled. Raises CannotConnect when Slack does not take our token."""
        while True:
            address = await self._find_address()
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

    async def _find_address(self) -> str:
        """Where to connect. Tells a wrong token from a Slack that can't be reached."""
        return await self._retry(self._request_address, (RateLimited, Uncertain), self._report_unreachable)

    async def _request_address(self) -> str:
        method = "apps.connections.open"
        try:
            answer = await self._client.apps_connections_open(app_token=self._token)
        except SlackApiError as error:
            failure = classify_error(method, error)
            if isinstance(failure, RateLimited | Uncertain):
                raise failure from None
            raise CannotConnect(f"SLACK_APP_TOKEN: Slack does not take this token ({failure}).") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Uncertain(f"{method}: {describe_failure(error)}") from None
        return str(answer["url"])

    def _report_unreachable(self, failure: BaseException, seconds: float) -> None:
        log.warning("Slack can't be reached, trying again in %.1f s: %s", seconds, failure)
        self._report_offline(f"Slack can't be reached: {failure}")

    async def _retry(
        self, work: Callable[[], Awaitable[Result]], on: backoff.Errors, report: Callable[[BaseException, float], None]
    ) -> Result:
        again = self._retry_policy.again
        return await backoff.retry(
            work, on, self._sleep, report=report, first=again, longest=again * (1 + backoff.JITTER)
        )

    async def _hold_connection(self, handler: AsyncSocketModeHandler) -> None:
        """Connect, and return when the connection was lost for long."""
        try:
            async with asyncio.timeout(self._retry_policy.connect):
                await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt has no types here
        except TimeoutError:
            seconds = self._retry_policy.connect
            log.warning("Slack's WebSocket did not open in %g s, beginning anew", seconds)
            self._report_offline(f"Slack can't be reached: its WebSocket did not open in {seconds:g} s")
            return
        retry_policy, lost = self._retry_policy, 0.0
        while lost < retry_policy.lost:
            await self._sleep(retry_policy.emit)
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
        """Slack says hello on every new connection: before it, we may have missed something."""
        if message.get("type") != "hello":
            return
        self._gap_recorded.clear()
        log.info("connected to Slack")
        missed = Missed(secrets.token_hex(8), "slack", self._workspaces)
        await self._retry(lambda: self._ingest(missed), StoreUnavailable, _report_unwritten_gap)
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


def _report_unwritten_gap(error: BaseException, _seconds: float) -> None:
    log.error("a gap could not be written down: %s", error)
