"""A thread of megabytes is read without holding up the event loop.

Tests bots.slack.response.
"""

import asyncio
import html
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bots.slack.adapter import Slack
from bots.slack.client import Web
from bots.slack.history import HistoryReader
from bots.slack.parse import BotIdentity
from bots.slack.response import decode_interruptibly
from bots.slack.throttle import Throttle
from core.domain.messages import Question, ThreadKey
from tests.support.loop_watch import LoopWatch, settle_heap

US = BotIdentity("slack:T024", "U0BOT", "B0BOT", "T024")
KEY = ThreadKey("slack:T024", "C0DEV", "1700000000.000000")
ASKED = Question(KEY, "1800000000.000000", "U0ADA", datetime(2027, 1, 15, tzinfo=UTC))
PIECE = 65_536  # bytes that the server sends at once
settled_heap = pytest.fixture(settle_heap, autouse=True)
STALL = 0.020  # seconds of work that others may have to wait for
TRIES = 3  # what holds the loop does so each time; a processor that others use too is slower at times


def build_message(number: int, words: int) -> dict:
    text = f"&lt;{number}&gt; wrote &amp; said: " + "some words &amp; more, " * words
    elements = [{"type": "text", "text": html.unescape(text)}, {"type": "user", "user_id": "U0ADA"}]
    blocks = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}]
    at = f"{1_700_000_000 + number}.000000"
    return {"type": "message", "user": "U0ADA", "ts": at, "thread_ts": KEY.thread, "text": text, "blocks": blocks}


def build_page(messages: int, words: int, page: int = 0, cursor: str = "") -> bytes:
    """What Slack answers: a page of a thread."""
    listed = [build_message(page * messages + one, words) for one in range(messages)]
    return json.dumps({"ok": True, "messages": listed, "response_metadata": {"next_cursor": cursor}}).encode()


@asynccontextmanager
async def serving(*pages: bytes):
    """A server that answers with one page after the other, and a reader of it by the adapter's own client."""
    left = iter(pages)

    async def answer(request):
        body, response = next(left), web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for at in range(0, len(body), PIECE):  # what the server does counts too: it holds up nothing for long
            await response.write(body[at : at + PIECE])
        return response

    app = web.Application()
    app.router.add_get("/api/{method}", answer)
    async with TestServer(app) as server:
        platform = Slack("xoxb-1", app_token="xapp-1", api_url=str(server.make_url("/api/")))
        try:
            yield HistoryReader(Web(platform._clients.make_client("xoxb-1"), US, Throttle(0)))
        finally:
            await platform.close()


@pytest.mark.parametrize(("messages", "words"), [(999, 100), (150, 1_800)], ids=["many", "long ones"])
async def test_a_thread_of_megabytes_holds_the_loop_for_less_than_20_ms(messages, words):
    pages = [build_page(messages, words, page, cursor) for page, cursor in enumerate(("2", "3", ""))]
    assert len(pages[0]) > 4_000_000

    for _ in range(TRIES):
        async with serving(*pages) as reader, LoopWatch() as watch:
            found = await reader.read_all(ASKED)
        if watch.longest < STALL:
            break

    assert len(found.messages) == 3 * messages
    assert found.messages[0].text.startswith("<0> wrote & said: some words & more,")
    assert found.messages[1].at == datetime.fromtimestamp(1_700_000_001, UTC)
    assert watch.longest < STALL


async def test_the_loop_goes_on_while_another_thread_decodes():
    """The decoder by itself keeps the interpreter's lock to its end."""
    text = build_page(4_000, 50).decode()

    async with LoopWatch() as watch:
        decoded = await asyncio.to_thread(decode_interruptibly, text)

    assert len(decoded["messages"]) == 4_000
    assert watch.longest < STALL


@pytest.mark.parametrize("padding", [0, 100_000], ids=["small", "large"])
async def test_an_answer_is_what_it_says_whatever_its_size(padding):
    body = json.dumps({"ok": True, "messages": [], "extra": {"a": [1, None, "é" * padding]}}).encode()

    async with serving(body) as reader:
        assert (await reader._web.read("conversations.replies"))["extra"] == {"a": [1, None, "é" * padding]}
