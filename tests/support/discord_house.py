"""Confab as it runs, over a loopback Discord, Claude's loopback server and a real store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from bots.discord.adapter import Discord
from core.answering.assistant import Assistant
from core.answering.reply import Reply
from core.domain.events import Event, Ingest, Receipt
from core.domain.messages import Question
from core.domain.personas import Persona
from core.store.protocols import Store
from tests.fakes.claude.script import wants_form
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.client import pointed
from tests.fakes.discord.interactions import Interaction
from tests.fakes.discord.server import DiscordFake
from tests.support.clock_notes import without_times
from tests.support.house import at_once, house
from tests.support.waiting import PATIENCE, until

MODEL = "claude-haiku-5-5"


@dataclass(slots=True)
class Running:
    """One process of Confab: what it heard, and the task that holds its connection."""

    discord: Discord
    assistant: Assistant
    heard: list[Event]
    ingest: Ingest
    connected: asyncio.Task[None]


@asynccontextmanager
async def confab(
    fake: DiscordFake,
    claude: ClaudeFake,
    store: Store,
    *,
    process: str = "p1",
    through: Callable[[Ingest], Ingest] | None = None,
    rules: Mapping[str, object] | None = None,
    listens: bool = True,
    **options: object,
) -> AsyncIterator[Running]:
    """Confab, connected; drained and closed afterwards. Its hearing goes `through` something, for troubles.

    `rules` are its assistant's. `listens`: it takes a shard, and is waited for until it has one and may answer.
    """
    chosen: dict = {"quick": True, "edit": 0.0, "pause": at_once}
    discord = Discord(
        fake.token,
        store.notes,
        store.installations,
        api_url=fake.api_url,
        gateway_url=fake.gateway_url,
        **chosen | options,
    )
    heard: list[Event] = []
    with pointed(fake):
        async with house(
            store, claude, discord, persona=Persona(model=MODEL), process=process, **(rules or {})
        ) as assistant:

            async def ingest(event: Event) -> Receipt:
                kept = await assistant.ingest(event)
                heard.append(event)
                return kept

            told: Ingest = through(ingest) if through else ingest
            connected = asyncio.create_task(discord.run(told, assistant.worker.wake))
            before = len(fake.gateway.live)
            try:
                if listens:
                    await fake.until(lambda: len(fake.gateway.live) > before or connected.done())
                    await until(lambda: (heard and not discord.offline) or connected.done())
                yield Running(discord, assistant, heard, told, connected)
            finally:
                await assistant.worker.drain(1)
                connected.cancel()
                await asyncio.gather(connected, return_exceptions=True)
                await discord.close()


def told(claude: ClaudeFake) -> list[list[tuple[str, str]]]:
    """What each request told Claude: role and text of every turn. Titles of threads are asked for beside them."""
    asked = [one.body for one in claude.requests if one.path == "/v1/messages" and not wants_form(one.body)]
    return [[(turn["role"], without_times(turn["content"][0]["text"])) for turn in body["messages"]] for body in asked]


async def idle(running: Running) -> None:
    """Wait until every question is answered."""
    async with asyncio.timeout(PATIENCE):
        await running.assistant.worker.idle()


async def settled(fake: DiscordFake, running: Running) -> None:
    """Wait until all that people said was heard, and every question is answered."""
    marks = {channel.name: key for key, channel in fake.world.channels.items()}.get("marks") or fake.room("marks")
    mark = await fake.say("zoe", marks, "(a mark)")
    await until(lambda: any(event.id == mark for event in running.heard))
    await idle(running)


async def answered(running: Running, asked: Interaction) -> str:
    """What an interaction was answered in the end, on all its pages."""
    await until(lambda: any(event.id == asked.id for event in running.heard))
    await idle(running)
    return asked.answer or ""


@asynccontextmanager
async def showing(running: Running, question: Question, pages: Sequence[str] = ()) -> AsyncIterator[Reply]:
    """A reply to `question` that is being shown until the block ends, which has to finish it."""

    async def keep(_page: str, _at: datetime | None) -> None:
        """Nothing is written down."""

    reply = Reply(question, keep, pages)
    shown = asyncio.create_task((await running.discord.surface(question)).show(reply))
    try:
        yield reply
        async with asyncio.timeout(PATIENCE):
            await shown
    finally:
        shown.cancel()
        await asyncio.gather(shown, return_exceptions=True)
