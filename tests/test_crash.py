"""Killed for real at any point of an answer in Slack, Confab's successor leaves exactly one whole reply."""

import asyncio
import contextlib
import os
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.ledger import Scope
from core.store.sqlite import open_store
from tests.fakes.claude import ClaudeFake
from tests.fakes.claude_script import Answer
from tests.fakes.slack import SlackFake
from tests.fakes.slack_faults import Cut

ROOT = Path(__file__).parent.parent
SHORT = "The answer, whole."
LONG = "\n\n".join(f"Paragraph {number}: " + "words of some length " * 20 for number in range(40))

SLACK_POINTS = [
    ("conversations.replies", "before"),
    ("conversations.replies", "after"),
    ("users.info", "after"),
    ("chat.postMessage", "before"),
    ("chat.postMessage", "after"),
    ("chat.update", "before"),
    ("chat.update", "after"),
]
CLAUDE_POINTS = [0, 2, 5]


@asynccontextmanager
async def bot(slack: SlackFake, claude: ClaudeFake, folder: Path):
    """A process, connected; killed at the end, if not before."""
    before = slack.sockets.connections
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CONFAB_", "DISCORD_"))}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "ANTHROPIC_API_KEY": claude.key,
        "ANTHROPIC_BASE_URL": claude.url,
        "SLACK_BOT_TOKEN": slack.token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.base_url,
        "DATABASE_URL": f"sqlite:///{folder}/confab.db",
    }
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crashing", cwd=ROOT, env=environment, stderr=log
        )
    try:
        await slack.connected(before + 1, seconds=60)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def world(text: str):
    async with SlackFake(ack_seconds=1.0) as slack, ClaudeFake() as claude:
        claude.answer = lambda body: Answer(text=text, chunk=max(6, len(text) // 6), delay=0.3)
        yield slack, claude


async def killed(process) -> None:
    process.kill()
    await process.wait()


def replies(slack: SlackFake, ts: str) -> list[str]:
    return [shown.text for shown in slack.thread("dev", ts)[1:]]


async def answered_once(slack: SlackFake, claude: ClaudeFake, folder: Path, ts: str, text: str) -> None:
    """The successor's work: one whole reply, nothing open, each request accounted for."""
    async with bot(slack, claude, folder):
        await slack.until(lambda: "\n\n".join(replies(slack, ts)) == text, seconds=60)
        store = await open_store(f"sqlite:///{folder}/confab.db")
        async with asyncio.timeout(20):
            while (await store.questions.waiting())[0]:
                await asyncio.sleep(0.05)
        lines = await store.ledger.spent(Scope("slack:T024"), datetime(2020, 1, 1, tzinfo=UTC), "model")
        await store.shut()

    assert "\n\n".join(replies(slack, ts)) == text
    asked = [one for one in claude.requests if one.path == "/v1/messages"]
    assert sum(line.requests for line in lines) == len(asked)
    assert slack.pings == []


@pytest.mark.parametrize("text", [SHORT, LONG], ids=["one page", "three pages"])
@pytest.mark.parametrize(("method", "phase"), SLACK_POINTS, ids=[f"{phase} {method}" for method, phase in SLACK_POINTS])
async def test_killed_at_a_request_to_slack(tmp_path, method, phase, text):
    async with world(text) as (slack, claude):
        async with bot(slack, claude, tmp_path) as first:

            async def kill(_: int, called: str, now: str) -> None:
                if (called, now, first.returncode) == (method, phase, None):
                    await killed(first)
                    raise Cut

            slack.on_request(kill)
            ts = await slack.say("ada", "dev", "<@U0BOT> question")
            await asyncio.wait_for(first.wait(), 60)
        await answered_once(slack, claude, tmp_path, ts, text)


@pytest.mark.parametrize("event", CLAUDE_POINTS)
async def test_killed_at_an_event_of_claudes_answer(tmp_path, event):
    async with world(SHORT) as (slack, claude):
        async with bot(slack, claude, tmp_path) as first:

            async def kill(_: int, number: int) -> None:
                if number == event and first.returncode is None:
                    await killed(first)

            claude.on_event(kill)
            ts = await slack.say("ada", "dev", "<@U0BOT> question")
            await asyncio.wait_for(first.wait(), 60)
        await answered_once(slack, claude, tmp_path, ts, SHORT)
