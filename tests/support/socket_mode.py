"""A Socket Mode connection of ours that reconnects fast, and what it handed over."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack import bolt_app as bolt
from bots.slack.parse import BotIdentity
from bots.slack.socket_mode import ReconnectPolicy, Socket
from core.domain.errors import StoreUnavailable
from core.domain.events import Missed

US = BotIdentity("slack:T024", "U0BOT", "B0BOT", "T024")
BRISK = ReconnectPolicy(ping=0.4, emit=0.01, lost=0.5, connect=30, again=0.005)
"""Notices a silent connection after 0.6 seconds, and takes none for silent on a machine that is busy for 0.2."""
CALM = ReconnectPolicy(emit=0.01, lost=0.5, connect=30, again=0.005)
"""Notices only a connection that ended."""


class Told(list[str]):
    """What was told, in order; the first `failing` tellings fail, and `delay` seconds pass in each gap."""

    failing = 0
    delay = 0.0

    async def ingest(self, event):
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("the disk is full")
        if isinstance(event, Missed):
            await asyncio.sleep(self.delay)
        self.append("gap")

    async def listen(self, body):
        self.append(body["event"]["text"])
        return []


@asynccontextmanager
async def listening(slack, told, token=None, offline=lambda _why: None, retry_policy=CALM):
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.token, slack.base_url, session=session, retry_handlers=[])
        app = bolt.build_app(client, told.listen)
        socket = Socket(
            app, token or slack.app_token, client, told.ingest, retry_policy=retry_policy, report_offline=offline
        )
        running = asyncio.create_task(socket.run())
        try:
            yield running
        finally:
            if not running.cancelling():
                running.cancel()
            await asyncio.gather(running, return_exceptions=True)
