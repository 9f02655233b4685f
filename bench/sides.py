"""Two sides of a comparison: a bot, a platform and a Claude of its own each; both ways are asked the same."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

from bench.asked import Asked, Questions, answered
from bench.processes import OURS, Process, process
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.limits import Delay
from tests.fakes.discord.nouns import Post as DiscordPost
from tests.fakes.discord.server import DiscordFake
from tests.fakes.discord.world import Event
from tests.fakes.slack.faults import Phase
from tests.fakes.slack.nouns import BOT, Channel, Post
from tests.fakes.slack.server import SlackFake
from tests.fakes.slack.text import displayed
from tests.fakes.slack.world import Happening, Removed

Bot = Literal["limit", "confab"]
BOTS: tuple[Bot, ...] = ("limit", "confab")
MESSAGE = "A message of about eighty characters, as people write them in their channels. "
READY = 30.0  # seconds that a bot may take to connect
TOGETHER = 4  # threads asked in turn
ALWAYS = 5000  # calls, more than any bench makes
ROUTES = (
    "POST /channels/{channel}/messages",
    "PATCH /channels/{channel}/messages/{message}",
    "GET /channels/{channel}/messages",
    "GET /channels/{channel}/messages/{message}",
    "POST /channels/{channel}/typing",
    "GET /guilds/{guild}/members/{user}",
    "GET /users/{user}",
)

Shown = Callable[[str, str], None]
"""Hears in which thread a bot shows which text."""


class Stage(Protocol):
    """A platform on loopback, as a bench uses it."""

    async def thread(self, messages: int) -> str:
        """A thread of so many messages, which the bot was not told of; of none, one that begins with its question."""

    async def ask(self, thread: str, name: str) -> None:
        """Somebody asks the bot."""

    def delay(self, seconds: float) -> None:
        """Let every call take so much longer."""

    def keep_limits(self) -> None:
        """Refuse from now on what is beyond the platform's documented limits."""

    def calls(self) -> list[str]:
        """The methods of all calls so far, in order."""

    async def connected(self, count: int = 1) -> None:
        """Wait until so many bots are."""


class SlackStage:
    """Slack. Each thread has a channel of its own, for Slack takes about one message a second in each.

    A thread's name is its channel's. One of no messages begins with the first question in it.
    """

    def __init__(self, fake: SlackFake, shown: Shown) -> None:
        self._fake, self._shown, self._delay = fake, shown, 0.0
        self._roots: dict[str, str | None] = {}
        self._tell = fake.world.announce
        fake.world.announce = self._announce
        fake.on_request(self._wait)

    async def thread(self, messages: int) -> str:
        channels = self._fake.world.channels
        room = f"room-{len(self._roots)}"
        channels[f"C0{room.upper()}"] = Channel(f"C0{room.upper()}", room, members=channels["C0DEV"].members)
        self._fake.world.announce = lambda _: None
        root = self._roots[room] = await self._fake.say("ada", room, MESSAGE) if messages else None
        for _ in range(messages - 1):
            await self._fake.say("bob", room, MESSAGE, root)
        self._fake.world.announce = self._announce
        return room

    async def ask(self, thread: str, name: str) -> None:
        said = await self._fake.say("ada", thread, f"<@{BOT}> question {name}", self._roots[thread])
        self._roots[thread] = self._roots[thread] or said

    def delay(self, seconds: float) -> None:
        self._delay = seconds

    def keep_limits(self) -> None:
        self._fake.enforce_tiers()

    def calls(self) -> list[str]:
        return [call.method for call in self._fake.calls]

    def tell_only(self, number: int) -> None:
        """Tell one connection alone of what is said from now on: that one, in the order in which they were opened."""
        self._fake.sockets.told = number

    async def connected(self, count: int = 1) -> None:
        await self._fake.connected(count, seconds=READY)

    def settings(self) -> dict[str, str]:
        fake = self._fake
        return {"SLACK_BOT_TOKEN": fake.token, "SLACK_APP_TOKEN": fake.app_token, "SLACK_API_URL": fake.base_url}

    def _announce(self, happening: Happening) -> None:
        self._tell(happening)
        post: Post = happening.post
        if post.user == BOT and post.thread and not isinstance(happening, Removed):
            self._shown(post.channel.removeprefix("C0").lower(), displayed(post))

    async def _wait(self, _index: int, _method: str, phase: Phase) -> None:
        if phase == "before":
            await asyncio.sleep(self._delay)


class DiscordStage:
    """Discord."""

    def __init__(self, fake: DiscordFake, shown: Shown) -> None:
        self._fake, self._shown = fake, shown
        self._tell = fake.world.listener
        fake.world.listener = self._listen

    async def thread(self, messages: int) -> str:
        key = await self._fake.start_thread("general", "a thread") if messages else self._fake.room("a channel")
        world = self._fake.world
        for _ in range(messages):
            said = DiscordPost(world.snowflake(), key, world.user("bob").id, MESSAGE, world.clock())
            world.keep(said)
        return key

    async def ask(self, thread: str, name: str) -> None:
        await self._fake.say("ada", thread, f"<@{self._fake.me}> question {name}")

    def delay(self, seconds: float) -> None:
        for route in ROUTES:
            self._fake.fault(route, Delay(seconds), ALWAYS)

    def keep_limits(self) -> None:
        self._fake.document_limits()

    def calls(self) -> list[str]:
        return [f"{call.method} {route(call.path)}" for call in self._fake.calls]

    async def connected(self, count: int = 1) -> None:
        await self._fake.until(lambda: len(self._fake.gateway.live) >= count, READY)

    def settings(self) -> dict[str, str]:
        fake = self._fake
        addresses = {"DISCORD_API_URL": fake.api_url, "DISCORD_GATEWAY_URL": fake.gateway_url}
        return {"DISCORD_BOT_TOKEN": fake.token, **addresses}

    def _listen(self, event: Event) -> None:
        self._tell(event)
        if event.name in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} and event.body["author"]["id"] == self._fake.me:
            self._shown(event.body["channel_id"], event.body["content"])


def route(path: str) -> str:
    """A path without what changes in it."""
    return "/".join("*" if part.isdigit() else part for part in path.split("/"))


@dataclass(slots=True)
class Side:
    """A bot that runs, and all that it is asked."""

    bot: Bot
    stage: Stage
    questions: Questions
    process: Process
    settings: Mapping[str, str]
    """What it was started with."""
    started: float
    """Seconds from its process's start until it was connected."""
    open: dict[str, Asked] = field(default_factory=dict)

    async def ask(self, thread: str) -> Asked:
        """Ask in a thread, and wait until people see the end of the answer."""
        asked = self.open[thread] = self.questions.new()
        asked.asked = time.perf_counter()
        await self.stage.ask(thread, asked.name)
        return await answered(asked)

    async def warm(self, messages: int) -> str:
        """A thread of so many messages in which the bot was asked already."""
        thread = await self.stage.thread(messages)
        await self.ask(thread)
        return thread

    async def counted(self, thread: str) -> tuple[Asked, Counter[str]]:
        """Ask, and what calls it took until a moment after its end."""
        before = len(self.stage.calls())
        asked = await self.ask(thread)
        await asyncio.sleep(0.5)
        return asked, Counter(self.stage.calls()[before:])


@asynccontextmanager
async def side(
    platform: str, bot: Bot, folder: Path, more: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Side]:
    """A bot on a platform of its own; its database is in `folder`, unless a setting of `more` says otherwise."""
    fake = SlackFake() if platform == "slack" else DiscordFake()
    opened: dict[str, Asked] = {}

    def shown(thread: str, text: str) -> None:
        if asked := opened.get(thread):
            asked.show(text)

    async with fake, ClaudeFake() as claude:
        stage = SlackStage(fake, shown) if isinstance(fake, SlackFake) else DiscordStage(fake, shown)
        settings = {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url, **stage.settings(), **more}
        program = OURS if bot == "confab" else (f"bench.limit_{platform}",)
        began = time.perf_counter()
        async with process(program, settings, folder) as running:
            await stage.connected()
            yield Side(bot, stage, Questions(claude), running, settings, time.perf_counter() - began, opened)


@asynccontextmanager
async def both(platform: str, folder: Path) -> AsyncIterator[tuple[Side, Side]]:
    """The limit and Confab, at the same time."""
    for bot in BOTS:
        (folder / bot).mkdir(parents=True, exist_ok=True)
    async with (
        side(platform, "limit", folder / "limit") as limit,
        side(platform, "confab", folder / "confab") as confab,
    ):
        yield limit, confab


async def take_in_turn(sides: tuple[Side, Side], questions: int) -> list[list[float]]:
    """Milliseconds of both from question to final text, without Claude's own, in a few warm threads."""
    threads = [[await one.warm(20) for _ in range(TOGETHER)] for one in sides]
    taken: list[list[float]] = [[], []]
    for number in range(questions):
        for which, one in enumerate(sides):
            asked = await one.ask(threads[which][number % TOGETHER])
            claude = asked.last_token - asked.requested
            taken[which].append(1000 * (asked.last_shown - asked.asked - claude))
    return taken
