"""Worlds: a platform and Claude on loopback, each seen the same way, whatever the platform."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.e2e.reliability.machine import MACHINE, Machine
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.nouns import Flag, Kind, Type
from tests.fakes.discord.server import DiscordFake
from tests.fakes.slack.faults import Cut
from tests.fakes.slack.server import SlackFake, shown
from tests.support.databases import Database

CONNECTING = 60.0  # seconds that a process gets
REFERENCE = re.compile(r"\(reference \w{6}\)|(?<=Schedule 1 of )[^:]+:\d\d")
"""What is another each time: the reference of an error, and when a schedule was due."""
WHISPER = "whispered"
"""The mark of what one person alone was told."""
OPENED = "a thread of its own"
"""The place of what stands in a thread that an answer opened, whatever that is called."""
IDS = re.compile(r"\d{4,}|interaction-\d+")

Hook = Callable[[str, str], Awaitable[bool]]
"""Hears of a request by its name, before it happens, after it and when it is answered; True cuts it off."""


@dataclass(frozen=True, slots=True)
class Page:
    """One message of ours as people see it: where, what it says, and what it belongs to."""

    place: str
    text: str
    mark: str


class SlackWorld:
    """A Slack workspace."""

    workspace = "slack:T024"

    def __init__(self, slack: SlackFake, claude: ClaudeFake) -> None:
        self.slack, self.claude = slack, claude
        self.machine: Machine | None = None
        self.database: Database | None = None
        self.asked = ""
        self.unacknowledged = False

    def environment(self) -> dict[str, str]:
        slack = self.slack
        tokens = list_machine(self.machine) | {
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.base_url,
        }
        return tokens | {"ANTHROPIC_API_KEY": self.claude.key, "ANTHROPIC_BASE_URL": self.claude.url}

    @property
    def connections(self) -> int:
        return self.slack.sockets.connections

    async def connected(self, times: int) -> None:
        await self.slack.connected(times, CONNECTING)

    def on_request(self, hook: Hook) -> None:
        async def told(_: int, method: str, phase: str) -> None:
            if await hook(method, phase):
                raise Cut

        self.slack.on_request(told)

    def pages(self) -> list[Page]:
        """All that we ever said in the workspace, and still stands."""
        world = self.slack.world
        posts = sorted((post for post in world.posts.values() if post.bot_id), key=lambda post: post.ts)
        found = [Page(self._place(post.channel, post.thread), shown(post).text, self._mark(post)) for post in posts]
        whispers = [Page(f"{one.user} in {one.channel}", shown(one).text, WHISPER) for one in world.ephemerals]
        return [Page(one.place, REFERENCE.sub("", one.text), one.mark) for one in found + whispers]

    def _place(self, channel: str, thread: str | None) -> str:
        return f"{channel}, beneath the question" if thread and thread == self.asked else f"{channel}, {thread}"

    def _mark(self, post) -> str:
        if post.files:
            return list_files([(file.name, file.content) for file in post.files])
        payload = (post.metadata or {}).get("event_payload", {})
        return f"page {payload.get('page')}, notice {payload.get('notice')}"

    @property
    def untidy(self) -> object:
        """What should not be left over."""
        world = self.slack.world
        streams = [post.ts for post in world.posts.values() if world.streaming(post)]
        return world.statuses or self.slack.pings or streams

    async def until(self, predicate: Callable[[], object], seconds: float) -> None:
        await self.slack.until(predicate, seconds)


class DiscordWorld:
    """A Discord server."""

    workspace = "discord:8138"

    def __init__(self, discord: DiscordFake, claude: ClaudeFake) -> None:
        self.discord, self.claude = discord, claude
        self.machine: Machine | None = None
        self.database: Database | None = None
        self.asked = ""
        self.interaction = None

    def environment(self) -> dict[str, str]:
        discord = self.discord
        token = list_machine(self.machine) | {"DISCORD_BOT_TOKEN": discord.token, "DISCORD_API_URL": discord.api_url}
        token |= {"DISCORD_GATEWAY_URL": discord.gateway_url}
        return token | {"ANTHROPIC_API_KEY": self.claude.key, "ANTHROPIC_BASE_URL": self.claude.url}

    @property
    def connections(self) -> int:
        return self.discord.gateway.identified

    @property
    def unacknowledged(self) -> bool:
        return self.interaction is not None and self.interaction.original is None

    async def connected(self, times: int) -> None:
        gateway = self.discord.gateway
        await self.discord.until(lambda: gateway.identified >= times and gateway.live, CONNECTING)

    def on_request(self, hook: Callable[[str, str], bool]) -> None:
        self.discord.on_request(lambda _, method, path, phase: hook(f"{method} {IDS.sub('*', path)}", phase))

    def pages(self) -> list[Page]:
        world = self.discord.world
        posts = sorted(
            (post for post in world.posts.values() if post.author == world.me.id and post.type != Type.THREAD_STARTER),
            key=lambda one: int(one.id),
        )
        first = posts[0].id if posts else None
        names = {key: channel.name for key, channel in world.channels.items()}
        names |= {key: OPENED for key, channel in world.channels.items() if channel.kind == Kind.THREAD}
        marks = [f"{self._mark(one, first)}{self._files(one)}" for one in posts]
        texts = [REFERENCE.sub("", one.content) for one in posts]
        return [Page(names[one.channel], *rest) for one, *rest in zip(posts, texts, marks, strict=True)]

    def _files(self, post) -> str:
        files = [(file.upload.name, file.upload.content) for file in post.files]
        return f", {list_files(files)}" if files else ""

    def _mark(self, post, first: str | None) -> str:
        if Flag.LOADING in post.flags:
            return "thinks"
        if post.interaction and post.interaction["id"] == self.asked:
            return "answers the command"
        if post.ephemeral:
            return WHISPER
        to = (post.reference or {}).get("message_id")
        return {self.asked: "answers the question", first: "follows page 1", None: ""}.get(to, f"to {to}")

    @property
    def untidy(self) -> object:
        return [ping for ping in self.discord.pings if ping.target != "7001"]

    async def until(self, predicate: Callable[[], object], seconds: float) -> None:
        await self.discord.until(predicate, seconds)


World = SlackWorld | DiscordWorld


def list_machine(machine: Machine | None) -> dict[str, str]:
    """The settings of the tools that a bot has, where there is a machine."""
    return {MACHINE: machine.url} if machine else {}


def list_files(files: Sequence[tuple[str, bytes]]) -> str:
    """What hangs on a message, as people see it."""
    return f"files {', '.join(f'{name} ({content.decode()!r})' for name, content in files)}"


@asynccontextmanager
async def slack_world() -> AsyncIterator[SlackWorld]:
    async with SlackFake(ack_seconds=1.0) as slack, ClaudeFake() as claude:
        yield SlackWorld(slack, claude)


@asynccontextmanager
async def discord_world() -> AsyncIterator[DiscordWorld]:
    async with DiscordFake() as discord, ClaudeFake() as claude:
        yield DiscordWorld(discord, claude)
