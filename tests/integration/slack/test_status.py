"""What goes on is told beneath a thread in Slack while there is no text: each thing once, calmly, and never after it.

Tests bots.slack.status.
"""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import Web
from bots.slack.directory import Directory
from bots.slack.parse import BotIdentity
from bots.slack.status import LOADING, Status, describe_activity
from bots.slack.surface import SlackSurface
from bots.slack.throttle import Throttle
from core.answering.reply import Reply
from core.domain.messages import Question, ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import BOT, BOT_ID, TEAM
from tests.support.slack_house import brisk
from tests.support.waiting import let_others_run, until

METHOD = "assistant.threads.setStatus"


@pytest.fixture
async def web(slack):
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.token, slack.base_url, session=session, retry_handlers=[])
        yield Web(client, BotIdentity("slack:T024", BOT, BOT_ID, TEAM), Throttle(0), brisk)


async def keep(page: str, at: datetime | None) -> None:
    pass


async def ask(slack) -> Reply:
    root = await slack.say("ada", "dev", "<@U0BOT> go")
    return Reply(Question(ThreadKey("slack:T024", "C0DEV", root), root, "U0ADA", datetime.now(UTC)), keep)


def told(slack) -> list[str]:
    return [str(call["status"]) for call in slack.called(METHOD)]


@asynccontextmanager
async def followed(web, reply: Reply, calm: float):
    shown = Status(web, reply.question.key, calm=calm)
    shown.begin(reply)
    try:
        yield shown
    finally:
        await shown.end()


async def test_what_a_tool_does_beneath_a_stream_is_told_in_time_or_not_at_all(slack, web):
    reply = await ask(slack)
    web.sleep = asyncio.sleep
    web.pace.hold_back(METHOD, "", 600.0)

    async with asyncio.timeout(5):
        await Status(web, reply.question.key, clearing=0.01).tell_work("searching")

    assert told(slack) == []


async def test_what_goes_on_is_told_when_it_changes(slack, web):
    reply = await ask(slack)
    async with followed(web, reply, calm=0.001):
        for activity in ("thinking", "reading plan.pdf", "thinking"):
            reply.act(activity)
            await slack.until(lambda activity=activity: told(slack)[-1:] == [f"is {activity}…"])

    assert told(slack) == ["is thinking…", "is reading plan.pdf…", "is thinking…", ""]
    rotating = [call.get("loading_messages") for call in slack.called(METHOD)]
    assert rotating == [LOADING, ["Is reading plan.pdf…"], LOADING, None]
    assert slack.world.statuses == {}


async def test_what_changes_fast_is_told_calmly_and_the_newest_of_it(slack, web):
    reply = await ask(slack)
    async with followed(web, reply, calm=0.3):
        await slack.until(lambda: told(slack))
        for number in range(50):
            reply.act(f"reading {number}.pdf")
            await asyncio.sleep(0)
        await slack.until(lambda: len(told(slack)) == 2)

    assert told(slack) == ["is thinking…", "is reading 49.pdf…", ""]
    first, second, _ = [call.at for call in slack.calls if call.method == METHOD]
    assert second - first >= 0.3


async def test_nothing_more_is_told_once_there_is_text(slack, web):
    reply = await ask(slack)
    async with followed(web, reply, calm=0.001) as shown:
        await slack.until(lambda: told(slack))
        shown.stop_repeating()
        for number in range(5):
            reply.act(f"reading {number}.pdf")
            await asyncio.sleep(0.002)
            await web.read("auth.test")

    assert told(slack) == ["is thinking…", ""]


async def test_a_status_that_hangs_holds_up_no_word_of_an_answer(slack, web):
    reply = await ask(slack)
    slack.fail_next(METHOD, Fault(hangs=True), 3)
    showing = asyncio.create_task(SlackSurface(web, Directory(web), reply.question).show(reply))
    await slack.until(lambda: told(slack))
    reply.finish("Yes.")
    await slack.until(lambda: [post.text for post in slack.thread("dev", reply.question.name)[1:]] == ["Yes."])
    await showing


async def test_a_limit_on_statuses_is_waited_for(slack, web):
    reply = await ask(slack)
    slack.fail_next(METHOD, Fault(status=429, retry_after=0.2))
    async with followed(web, reply, calm=0.001):
        await slack.until(lambda: told(slack))
        reply.act("reading plan.pdf")
        await slack.until(lambda: len(told(slack)) == 2)

    limited, again = [call.at for call in slack.calls if call.method == METHOD][:2]
    assert again - limited >= 0.2


async def test_where_no_status_is_shown_none_is_tried_again(slack, web):
    slack.fail_next(METHOD, Fault(error="not_allowed_token_type"))
    for activity in ("reading a.pdf", "reading b.pdf"):
        reply = await ask(slack)
        async with followed(web, reply, calm=0.001):
            await until(lambda: web.silent)
            reply.act(activity)
            await let_others_run()
            await web.read("auth.test")

    assert len(told(slack)) == 1


def test_what_somebody_called_a_file_notifies_nobody_and_is_one_short_line():
    assert describe_activity("reading <!channel>\n@here.pdf") == "reading \u2039!channel> \uff20here.pdf"
    assert len(describe_activity("reading " + "x" * 500)) == 100


async def test_what_goes_on_is_told_until_the_answer_stands(home):
    gate = Gate()
    home.claude.script(Answer(text="Fine.", gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.slack.until(lambda: told(home.slack))
    gate.opened.set()
    await home.answered()

    assert told(home.slack)[0] == "is thinking…"
    assert home.texts("dev", root) == ["Fine."]
    assert home.slack.world.statuses == {}


async def test_a_status_that_a_killed_process_left_goes_also_where_no_message_is_posted(slack, web):
    """Pages that stand are edited, and an edit takes no status away."""
    reply = await ask(slack)
    reply.pages.append("1.1")
    place = {"channel_id": "C0DEV", "thread_ts": reply.question.key.thread}
    await web.call_once(METHOD, status="is thinking…", **place)

    async with followed(web, reply, calm=0) as shown:
        shown.stop_repeating()

    assert not any(slack.world.statuses.values())
