"""Pages in Slack: few of them, and where Slack refuses one, smaller ones with the same look.

Tests bots.slack.publisher, bots.slack.ephemeral.
"""

from datetime import UTC, datetime

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import Web
from bots.slack.ephemeral import Whisper
from bots.slack.parse import BotIdentity
from bots.slack.throttle import Throttle
from core.domain.messages import Question, ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.nouns import BOT, BOT_ID, TEAM
from tests.fakes.slack.text import expanded
from tests.support.answers import write_mixed
from tests.support.slack_house import at_home, brisk


@pytest.fixture
async def home():
    async with at_home() as house:
        yield house


async def ask(home, text: str, **answer) -> list[list[dict]]:
    """The blocks of each page of the answer, once it is whole."""
    home.claude.script(Answer(text=text, **answer))
    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.answered()
    return [list(home.slack.world.posts["C0DEV", one.ts].blocks) for one in home.ours("dev", root)]


def read(pages: list[list[dict]]) -> str:
    """What pages say, without spaces; those alone that are Markdown."""
    return "".join("".join(block["text"].split()) for page in pages for block in page if block["type"] == "markdown")


@pytest.mark.parametrize(("size", "messages"), [(3_500, 1), (15_000, 2)])
@pytest.mark.parametrize("chunk", [16, 20_000], ids=["while it grows", "at once"])
async def test_a_mixed_answer_needs_few_messages(home, size, messages, chunk):
    text = write_mixed(size)

    pages = await ask(home, text, chunk=chunk)

    assert (len(pages), read(pages)) == (messages, "".join(text.split()))
    assert all(block["text"].count("```") % 2 == 0 for page in pages for block in page if block["type"] == "markdown")


@pytest.mark.parametrize("chunk", [64, 20_000], ids=["while it grows", "at once"])
@pytest.mark.parametrize(("most_text", "most_blocks"), [(5_000, 50), (13_200, 25)], ids=["characters", "blocks"])
async def test_what_slack_refuses_is_cut_smaller_with_its_look(home, most_text, most_blocks, chunk):
    home.slack.world.most_text, home.slack.world.most_blocks = most_text, most_blocks
    text = write_mixed(9_000)

    pages = await ask(home, text, chunk=chunk)

    assert read(pages) == "".join(text.split())
    assert 1 < len(pages) < 8
    assert [page for page in pages if len(expanded(page)) > most_blocks] == []


async def test_what_slack_refuses_at_any_size_is_plain_text_and_tried_no_more_than_is_of_use(home):
    home.slack.world.unknown_blocks.add("markdown")
    gate = Gate(after=4)
    home.claude.script(Answer(text="**One** of them.", chunk=8, gate=gate))

    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.slack.until(lambda: home.ours("dev", root))  # while it grows there is one kind of buttons
    gate.opened.set()
    await home.answered()

    (page,) = home.ours("dev", root)
    assert [block["type"] for block in home.slack.world.posts["C0DEV", page.ts].blocks] == ["section"]
    assert len(home.slack.called("chat.postMessage")) == 3  # with its button, without, and as plain text


async def test_a_whisper_that_slack_refuses_is_cut_smaller_with_its_look(slack):
    slack.world.most_text = 5_000
    text = write_mixed(9_000)
    asked = Question(ThreadKey("slack:T024", "C0DEV", ""), "trigger", "U0ADA", datetime.now(UTC))

    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.token, slack.base_url, session=session, retry_handlers=[])
        web = Web(client, BotIdentity("slack:T024", BOT, BOT_ID, TEAM), Throttle(0), brisk)
        await Whisper(web, asked).say(text)

    assert read([list(one.blocks) for one in slack.world.ephemerals]) == "".join(text.split())
