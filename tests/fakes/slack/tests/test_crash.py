"""A bot in a process of its own is killed around a request to the fake Slack, and its successor hears the event again."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.slack.faults import Cut
from tests.fakes.slack.server import SlackFake

BOT = """
import asyncio, sys
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

base_url, token, app_token = sys.argv[1:]
app = AsyncApp(client=AsyncWebClient(token, base_url=base_url, retry_handlers=[]), process_before_response=True)

@app.event("message")
async def answer(event, client):
    await client.chat_postMessage(channel=event["channel"], thread_ts=event["ts"], text="answer")

async def run():
    await AsyncSocketModeHandler(app, app_token).start_async()

asyncio.run(run())
"""


@asynccontextmanager
async def bot(slack: SlackFake) -> AsyncIterator[Process]:
    """The bot, connected; killed at the end, if not before."""
    before = slack.sockets.connections
    quiet = asyncio.subprocess.DEVNULL
    arguments = (sys.executable, "-c", BOT, slack.base_url, slack.token, slack.app_token)
    process = await asyncio.create_subprocess_exec(*arguments, stdout=quiet, stderr=quiet)
    try:
        await slack.connected(before + 1, seconds=20)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize(("phase", "answers"), [("before", 1), ("after", 2)])
async def test_a_killed_bot_is_told_again(phase: str, answers: int) -> None:
    async with SlackFake(ack_seconds=600) as slack:
        async with bot(slack) as first:

            async def kill(_: int, method: str, now: str) -> None:
                if (method, now, first.returncode) == ("chat.postMessage", phase, None):
                    first.kill()
                    await first.wait()
                    raise Cut

            slack.on_request(kill)
            ts = await slack.say("ada", "dev", "question")
            await slack.until(lambda: not slack.sockets.ready)
            slack.outbox.expire()
        async with bot(slack):
            await slack.settled()

        assert [shown.text for shown in slack.thread("dev", ts)[1:]] == ["answer"] * answers
