"""What a start loads: Anthropic's SDK is imported beside what connects, and what is asked meanwhile is answered.

Tests core.claude.sdk, core.claude.streams.lenient_client.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from bots.app.supervisor import LONGEST_START
from core.store import inspect
from tests.fakes.claude.script import Answer
from tests.fakes.discord.server import DiscordFake
from tests.fakes.slack.nouns import BOT
from tests.fakes.slack.server import SlackFake
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
LONGEST = 1_000_000  # characters of a line
UNUSED = (
    "bots.ops.http_server",
    "bots.web",
    "core.store.transfer.move",
    "cryptography",
    "disarm",
    "jinja2",
    "prometheus_client",
    "psycopg",
    "regex",
    "wcwidth",
    "yaml",
)
"""What no bot needs that has no HTTP port, one workspace of Slack at most, and its database in a file."""

HELD = """
import importlib.abc, json, sys

class Held(importlib.abc.MetaPathFinder):
    # Holds the SDK's first import, which it tells of, until it is told to go on; then it says what is loaded.
    def find_spec(self, name, path, target=None):
        if name == "anthropic" and self in sys.meta_path:
            sys.meta_path.remove(self)
            print(flush=True)
            sys.stdin.readline()
            print(json.dumps(sorted(sys.modules)), flush=True)

sys.meta_path.insert(0, Held())
from bots.cli import main
main(["run"])
"""


class OnSlack(SlackFake):
    """Slack, and how this test asks there, and lets nobody connect before it wants to."""

    def hold(self):
        self._opened = asyncio.Event()
        self.on_request(self._wait)

    def release(self):
        self._opened.set()

    async def _wait(self, _index, method, phase):
        if (method, phase) == ("apps.connections.open", "before"):
            await self._opened.wait()

    def settings(self):
        return {"SLACK_BOT_TOKEN": self.token, "SLACK_APP_TOKEN": self.app_token, "SLACK_API_URL": self.base_url}

    def is_connected(self):
        return self.sockets.ready

    async def ask(self):
        await self.say("ada", "general", f"<@{BOT}> what is six times seven?")


class OnDiscord(DiscordFake):
    """Discord, the same."""

    def hold(self):
        self.gateway.pause()

    def release(self):
        self.gateway.proceed()

    def settings(self):
        addresses = {"DISCORD_API_URL": self.api_url, "DISCORD_GATEWAY_URL": self.gateway_url}
        return {"DISCORD_BOT_TOKEN": self.token, **addresses}

    def is_connected(self):
        return bool(self.gateway.live)

    async def ask(self):
        await self.say("ada", "general", f"<@{self.me}> what is six times seven?")


@pytest.mark.parametrize("fake", [OnSlack, OnDiscord], ids=["slack", "discord"])
async def test_the_sdk_is_imported_while_a_bot_connects_which_answers_what_was_asked_meanwhile(tmp_path, claude, fake):
    claude.script(Answer(text="It is forty-two."))
    database = f"sqlite:///{tmp_path}/confab.db"
    async with fake() as platform:
        platform.hold()
        settings = {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url, "DATABASE_URL": database}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings, **platform.settings()}
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HELD, cwd=tmp_path, env=environment, stdin=PIPE, stdout=PIPE, limit=LONGEST
        )
        assert bot.stdin
        assert bot.stdout
        try:
            await until(lambda: platform.calls)
            await asyncio.wait_for(bot.stdout.readline(), LONGEST_START - 2)
            platform.release()
            await platform.until(platform.is_connected)
            await platform.ask()
            while not (await inspect(database)).waiting:
                await asyncio.sleep(0.05)
            bot.stdin.write(b"\n")
            loaded = json.loads(await bot.stdout.readline())
            await platform.until(lambda: any("forty-two" in str(post) for post in platform.visible("general")))
        finally:
            bot.kill()
            await bot.communicate()

    assert "core.answering.assistant" in loaded
    assert [name for name in loaded if name.startswith(UNUSED)] == []
