"""A process of Confab that can be dropped: the real adapters, core and store over the loopback servers."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bots.discord.adapter import Discord
from bots.ops.http_server import HttpServer
from bots.slack.adapter import Slack
from core.answering.assistant import Assistant
from core.answering.budget_alerts import BudgetAlerts
from core.answering.completions import Completions
from core.answering.policy import Rules
from core.billing import prices
from core.claude.client import Claude
from core.claude.metering import Metering
from core.domain.content import FileContent, Image
from core.domain.events import Event, Ingest, Receipt
from core.domain.personas import Persona
from core.files.images import convert_image
from core.files.made_files import MadeFiles
from core.files.reader import FileReader
from core.files.uploads import FileUploads
from core.store import open_store
from core.store.protocols import Store
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.server import DiscordFake
from tests.fakes.slack.server import SlackFake
from tests.support.discord_house import MODEL
from tests.support.house import Haste, at_once
from tests.support.slack_house import SECRET, brisk

PATIENCE = 30.0  # seconds of the brisk loop's: no history that comes late on a busy machine is given up
BUSY = timedelta(minutes=5)  # of the brisk loop's: no unit of work is given up on a busy machine
HASTE = Haste()  # in which Claude is waited for

Told = Callable[[Event, Receipt], None]


@dataclass(frozen=True, slots=True)
class Servers:
    """All that Confab speaks to, and the time that they share."""

    slack: SlackFake
    discord: DiscordFake
    claude: ClaudeFake
    clock: Callable[[], datetime]


@dataclass(slots=True)
class Process:
    """One process. `port` is where it takes Slack's events, 0 with Socket Mode."""

    store: Store
    assistant: Assistant
    slack: Slack
    discord: Discord
    claude: Claude
    tasks: list[asyncio.Task[None]]
    port: int = 0

    async def drop(self) -> None:
        """It is gone, without a word to anybody; what it was answering hangs in the air."""
        replies = [task for task in asyncio.all_tasks() if task.get_name().startswith("reply to ")]
        for task in (*self.tasks, *replies):
            task.cancel()
        await asyncio.gather(*self.tasks, *replies, return_exceptions=True)
        await asyncio.gather(self.slack.close(), self.discord.close(), self.claude.close())
        await self.store.shut()


async def convert(name: str, content: bytes) -> FileContent:
    """A picture as it is converted, in this process: another one would take most of a world's time."""
    told, shown = convert_image(content)
    size = int(str(told["width"])), int(str(told["height"]))
    return FileContent(Image(name, str(told["type"]), *size, base64.b64encode(shown).decode()))


async def begun(servers: Servers, url: str, name: str, told: Told, socket: bool) -> Process:
    """A new process on the database `url`, connected. `told` hears of every event once it is safe on disk."""
    store = await open_store(url, clock=servers.clock, busy=BUSY)
    slack, discord = servers.slack, servers.discord
    ways = {"app_token": slack.app_token} if socket else {"signing_secret": SECRET}
    by_slack = Slack(slack.token, api_url=slack.base_url, pause=0.05, sleep=brisk, **ways)
    addresses = {"api_url": discord.api_url, "gateway_url": discord.gateway_url}
    by_discord = Discord(
        discord.token, store.notes, store.installations, **addresses, quick=True, edit=0.05, pause=at_once
    )
    claude = Claude(servers.claude.key, servers.claude.url)
    platforms = {"slack": by_slack, "discord": by_discord}
    metering = Metering(claude, store.ledger, prices.read_prices(), servers.clock, warn=BudgetAlerts(platforms))
    assert claude.files
    uploads = FileUploads(store.files, claude.files)
    assistant = Assistant(
        store,
        completions=Completions(claude, metering, store.notes, servers.clock, sleep=HASTE.sleep, seconds=HASTE.seconds),
        platforms=platforms,
        rules=Rules(Persona(model=MODEL), patience=PATIENCE),
        clock=servers.clock,
        process=name,
        files=FileReader(convert, uploads=uploads),
        made_files=MadeFiles(claude.files, HASTE.sleep),
    )
    process = Process(store, assistant, by_slack, by_discord, claude, [asyncio.create_task(uploads.run())])
    await _connected(process, HttpServer(by_slack.routes()), told, socket)
    return process


async def _connected(process: Process, server: HttpServer, told: Told, socket: bool) -> None:
    gaps: set[str] = set()

    async def ingest(event: Event) -> Receipt:
        heard = await process.assistant.ingest(event)
        told(event, heard)
        gaps.add(getattr(event, "platform", ""))
        return heard

    process.tasks.append(asyncio.create_task(process.assistant.worker.run()))
    if not socket:
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        process.tasks.append(asyncio.create_task(_serving(server, ready)))
        process.port = await ready
    process.tasks += [
        asyncio.create_task(_run(platform, ingest, process.assistant)) for platform in (process.slack, process.discord)
    ]
    async with asyncio.timeout(100):
        while process.slack.offline or process.discord.offline or not {"slack", "discord"} <= gaps:
            await asyncio.sleep(0.01)


async def _run(platform: Slack | Discord, ingest: Ingest, assistant: Assistant) -> None:
    await platform.run(ingest, assistant.worker.wake)


async def _serving(server: HttpServer, ready: asyncio.Future[int]) -> None:
    async with server.serve("127.0.0.1", 0) as port:
        ready.set_result(port)
        await asyncio.Event().wait()
