"""Clients of Slack's Web API for every workspace, over one HTTP session."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.delivery.fencing import fence_requests
from bots.slack.client import SDK_LOG, Web
from bots.slack.parse import BotIdentity
from bots.slack.response import SlackResponse
from bots.slack.streams.rules import NativeStreams, StreamRules
from bots.slack.surface import OFFER
from bots.slack.throttle import PAUSE, Leisure, Throttle
from core.commands.overview import Overviews
from core.domain.clock import Clock, Sleep, system_clock
from core.telemetry import Emit, discard_event

SECONDS = 30.0  # that Slack gets to answer us

MakeClient = Callable[[], AsyncWebClient]
"""Makes a client with the token of one workspace."""


@dataclass(slots=True)
class Clients:
    """Makes clients, which share a session until `close`. They repeat nothing: a post whose answer is lost may stand.

    `pause` is in seconds, between two edits of growing texts in one workspace; `streams` are the rules by which texts
    grow natively, None where they are edited.
    """

    api_url: str = "https://slack.com/api/"
    pause: float = PAUSE
    seconds: float = SECONDS
    sleep: Sleep = asyncio.sleep
    clock: Clock = system_clock
    emit: Emit = discard_event
    streams: StreamRules | None = None
    overviews: Overviews | None = None
    """What home tabs tell; without it there are none."""
    scarce: bool = False
    """Whether Slack gives the app one page of history a minute."""
    processes: Callable[[], int] = lambda: 1
    """How many share what Slack allows in each workspace."""
    offer: float = OFFER
    """Seconds after which who waits for what they alone see can stop it."""
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, in which no request goes out for an answer that may be another process's."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self.seconds)
            tracing = [fence_requests(aiohttp.TraceConfig())]
            self._session = aiohttp.ClientSession(timeout=timeout, trace_configs=tracing, response_class=SlackResponse)
        return self._session

    def make_client(self, token: str | None = None) -> AsyncWebClient:
        return AsyncWebClient(token, self.api_url, session=self.session, retry_handlers=[], logger=SDK_LOG)

    def make_web(self, client: AsyncWebClient, us: BotIdentity) -> Web:
        """The Web API of a workspace, as answers need it."""
        streams = NativeStreams(self.streams, processes=self.processes) if self.streams else None
        throttle = Throttle(self.pause, processes=self.processes, scarce=self.scarce)
        return Web(client, us, throttle, self.sleep, emit=self.emit, streams=streams)

    def make_slow_web(self, client: AsyncWebClient, web: Web) -> Web:
        """The Web API of the same workspace for reads that nobody waits for."""
        return Web(client, web.us, web.pace, self.sleep, leisure=Leisure(processes=self.processes), emit=self.emit)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
