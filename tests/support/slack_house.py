"""The whole house in a Slack workspace: the real Bolt and SDKs, a real store, Claude on loopback."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bots.ops.http_server import HttpServer
from bots.slack.adapter import Slack
from bots.slack.installations.workspace import SlackWorkspace
from core.answering.assistant import Assistant
from core.commands.overview import Overviews
from core.domain.clock import system_clock
from core.domain.personas import Persona
from core.store import open_store
from core.store.protocols import Store
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.app import SECRET
from tests.fakes.slack.nouns import Shown
from tests.fakes.slack.server import SlackFake
from tests.support.clock_notes import without_times
from tests.support.house import house
from tests.support.waiting import PATIENCE, until

BOT = "U0BOT"


async def brisk(seconds: float) -> None:
    """A pause that is a thousand times shorter."""
    await asyncio.sleep(seconds / 1000)


@dataclass(frozen=True, slots=True)
class House:
    """Everything that a test can look at."""

    slack: SlackFake
    claude: ClaudeFake
    store: Store
    assistant: Assistant
    platform: Slack
    port: int

    async def workspace(self) -> SlackWorkspace:
        """What the platform holds of the workspace that it is connected to."""
        (name,) = await self.platform._workspaces.connect()
        return await self.platform._workspaces.find(name)

    async def answered(self, times: int = 1) -> None:
        """Wait until Claude was asked so often, and nothing is open any more."""
        await self.slack.until(lambda: len(self.asked) >= times)
        await self.rest()

    async def rest(self) -> None:
        """Wait until everything sent to us is acknowledged, and no question is open."""
        await self.slack.settled()
        async with asyncio.timeout(PATIENCE):
            await self.assistant.worker.idle()

    def ours(self, channel: str, ts: str) -> list[Shown]:
        """Our pages in a thread."""
        return [one for one in self.slack.thread(channel, ts) if one.user == BOT]

    def texts(self, channel: str, ts: str) -> list[str]:
        return [one.text for one in self.ours(channel, ts)]

    def prompt(self, index: int = -1) -> list[tuple[str, str]]:
        """What Claude was sent: each turn's role and words."""
        return [(turn["role"], without_times(words(turn["content"]))) for turn in self.asked[index]["messages"]]

    @property
    def asked(self) -> list[Any]:
        return [request.body for request in self.claude.requests if request.path == "/v1/messages"]

    def system(self, index: int = -1) -> str:
        return words(self.asked[index]["system"])


def words(content: Any) -> str:
    return (
        content if isinstance(content, str) else "\n".join(block.get("text", f"[{block['type']}]") for block in content)
    )


@asynccontextmanager
async def living(
    slack: SlackFake,
    claude: ClaudeFake,
    store: Store | None = None,
    http: bool = False,
    rules: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[House]:
    """A house that is connected while this lasts, by Socket Mode or by HTTP; `rules` are its assistant's."""
    kept = store or await open_store("sqlite://")
    options.setdefault("overviews", Overviews(kept, Persona(model="claude-haiku-5-5"), "UTC", system_clock))
    ways = {"signing_secret": SECRET} if http else {"app_token": slack.app_token}
    token = "" if "installing" in options else slack.token
    platform = Slack(token, api_url=slack.base_url, **{**ways, "pause": 0.005, "sleep": brisk, **options})
    server = HttpServer(platform.routes())
    try:
        async with server.serve("127.0.0.1", 0) as port, house(kept, claude, platform, **(rules or {})) as assistant:
            running = asyncio.create_task(platform.run(assistant.ingest, assistant.worker.wake))
            try:
                await _connected(slack, platform, running, http)
                if http:
                    slack.deliver_http(f"http://127.0.0.1:{port}/slack/events", SECRET)
                yield House(slack, claude, kept, assistant, platform, port)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    finally:
        await platform.close()
        if store is None:
            await kept.shut()


async def _connected(slack: SlackFake, platform: Slack, running: asyncio.Task[None], http: bool) -> None:
    ready = _listening(platform) if http else slack.connected(slack.sockets.connections + 1)
    connecting = asyncio.create_task(ready)
    await asyncio.wait({connecting, running}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        connecting.cancel()
        running.result()


async def _listening(platform: Slack) -> None:
    await until(lambda: not platform.offline)


@asynccontextmanager
async def at_home(**options: Any) -> AsyncIterator[House]:
    """A new workspace, a new Claude, an empty store and a house that is connected."""
    async with SlackFake() as slack, ClaudeFake() as claude, living(slack, claude, **options) as house:
        yield house
