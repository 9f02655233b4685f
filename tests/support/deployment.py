"""`confab run` over Slack, Discord and Claude at once, as a newcomer starts it: each behind a wire that can be cut."""

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.fakes.claude.script import Answer, Gate, last_words
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.server import DiscordFake
from tests.fakes.slack.nouns import BOT
from tests.fakes.slack.server import SlackFake
from tests.support import fork_server
from tests.support.waiting import until
from tests.support.wire import HOST, Wire, free_port

ROOT = Path(__file__).parents[2]
PLACES = {"slack": "dev", "discord": "general"}
QUOTE = "> "  # of a command's question, above its answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that somebody asked, by whose name its answer is known."""

    platform: str
    name: str
    id: str


@dataclass(slots=True)
class World:
    """Two platforms and Claude, and every question that was asked."""

    slack: SlackFake
    discord: DiscordFake
    claude: ClaudeFake
    wires: Mapping[str, Wire]
    folder: Path
    port: int = field(default_factory=free_port)
    asked: list[Asked] = field(default_factory=list)
    commanded: dict[str, Any] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)

    async def ask(self, platform: str, gate: Gate | None = None) -> Asked:
        """Ask something new; on Slack it begins a thread. Claude's answer waits for `gate`."""
        name = f"q{len(self.asked)}"
        if gate:
            self.gates[name] = gate
        if platform == "slack":
            said = await self.slack.say("ada", PLACES["slack"], f"<@{BOT}> question {name}")
        else:
            said = await self.discord.say("ada", PLACES["discord"], f"<@{self.discord.me}> question {name}")
        return self._noted(Asked(platform, name, said))

    async def command(self) -> Asked:
        """`/ask` something new on Discord."""
        name = f"q{len(self.asked)}"
        given = await self.discord.interact("ada", PLACES["discord"], "ask", {"prompt": f"question {name}"})
        self.commanded[given.id] = given
        return self._noted(Asked("discord", name, given.id))

    def _noted(self, asked: Asked) -> Asked:
        self.asked.append(asked)
        return asked

    def answers(self, asked: Asked) -> list[str]:
        """All that answers a question, page by page."""
        if asked.platform == "slack":
            return [page.text for page in self.slack.thread(PLACES["slack"], asked.id) if page.user == BOT]
        if asked.id in self.commanded:
            return [given] if (given := self.commanded[asked.id].answer) else []
        return [post.content for post in self.discord.visible(PLACES["discord"]) if post.reference == asked.id]

    def all_answers(self) -> list[tuple[Asked, list[str]]]:
        """Every question with all that answers it, page by page."""
        replies: dict[str | None, list[str]] = {}
        for post in self.discord.visible(PLACES["discord"]):
            replies.setdefault(post.reference, []).append(post.content)
        plain = [one.platform == "discord" and one.id not in self.commanded for one in self.asked]
        return [
            (one, replies.get(one.id, []) if by else self.answers(one))
            for one, by in zip(self.asked, plain, strict=True)
        ]

    def unanswered(self, *asked: Asked) -> dict[str, list[str]]:
        """Which of these, or of all, have not their one whole answer, and what they have."""
        given = [(one, self.answers(one)) for one in asked] or self.all_answers()
        return {f"{one.platform} {one.name}": has for one, has in given if has != [self.expected(one)]}

    def expected(self, asked: Asked) -> str:
        quoted = f"{QUOTE}question {asked.name}\n" if asked.id in self.commanded else ""
        return quoted + whole(asked.name)

    def posts(self) -> int:
        """How many messages of ours stand on both platforms."""
        slack = [post for post in self.slack.world.posts.values() if post.user == BOT]
        return len(slack) + len([post for post in self.discord.visible(PLACES["discord"]) if post.author == "confab"])

    def strays(self) -> list[str]:
        """What we posted in these places below no question, with what it stands below."""
        asked = {one.id for one in self.asked}
        slack = [post for post in self.slack.world.posts.values() if post.user == BOT]
        below = {(PLACES["slack"], one.id): len(self.answers(one)) for one in self.asked if one.platform == "slack"}
        posts = [post for post in self.discord.visible(PLACES["discord"]) if post.author == "confab"]
        public = {given.original for given in self.commanded.values()}
        discord = [
            f"discord {one.id} below {one.reference}: {one.content}"
            for one in posts
            if one.reference not in asked and one.id not in public
        ]
        return [*discord, *["slack"] * (len(slack) - sum(below.values()))]

    async def told(self, path: str) -> str:
        """What the process says of itself at `path`."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{self.port}{path}") as answer:
            return await answer.text()

    def reply(self, body: Mapping[str, Any]) -> Answer:
        """What Claude says, in some ten pieces."""
        (name,) = re.findall(r"question (\w+)", last_words(body))
        return Answer(text=whole(name), chunk=20, delay=0.02, gate=self.gates.get(name))

    @property
    def log(self) -> str:
        return (self.folder / "confab.log").read_text()


def whole(name: str) -> str:
    """The answer to the question of this name."""
    return f"Answer to {name}: {'some words, ' * 12}and the end of {name}."


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Everything but Confab."""
    async with (
        SlackFake(ack_seconds=1.0) as slack,
        DiscordFake() as discord,
        ClaudeFake() as claude,
        Wire(slack.url) as to_slack,
        Wire(discord.world.address) as to_discord,
        Wire(claude.url) as to_claude,
    ):
        slack.url = f"{to_slack.url}/"
        discord.lie_at(to_discord.url)
        wires = {"slack": to_slack, "discord": to_discord, "claude": to_claude}
        opened = World(slack, discord, claude, wires, folder)
        claude.answer = opened.reply
        yield opened


def filled(example: str, values: Mapping[str, str]) -> str:
    """`.env.example` with its lines filled in."""
    for name, value in values.items():
        example, times = re.subn(rf"^(# )?{name}=.*$", f"{name}={value}", example, flags=re.MULTILINE)
        assert times == 1, f"{name} is not in .env.example"
    return example


@asynccontextmanager
async def running(world: World, database: str = "sqlite:///confab.db") -> AsyncIterator[fork_server.Process]:
    """`confab run`, connected to both; it must not outlive this."""
    values = {
        "ANTHROPIC_API_KEY": world.claude.key,
        "ANTHROPIC_BASE_URL": world.wires["claude"].url,
        "SLACK_BOT_TOKEN": world.slack.token,
        "SLACK_APP_TOKEN": world.slack.app_token,
        "SLACK_API_URL": world.slack.base_url,
        "DISCORD_BOT_TOKEN": world.discord.token,
        "DISCORD_API_URL": world.discord.api_url,
        "DISCORD_GATEWAY_URL": world.discord.gateway_url,
        "CONFAB_HTTP_PORT": str(world.port),
        "DATABASE_URL": database,
    }
    (world.folder / ".env").write_text(filled((ROOT / ".env.example").read_text(), values))
    before = world.slack.sockets.connections
    with (world.folder / "confab.log").open("ab") as log:
        process = await fork_server.start(
            "run", folder=world.folder, stdout=log.fileno(), stderr=log.fileno(),
            environment={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        await until(lambda: world.slack.sockets.connections > before and world.slack.sockets.ready, 30)
        await until(lambda: world.discord.gateway.live, 30)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
