"""HTTP mode refuses what Slack has not signed a moment ago, and answers what it has.

Tests bots.slack.http_mode.
"""

import asyncio
import json
import time
from urllib.parse import urlencode

import aiohttp
import pytest

from bots.ops.http_server import HttpServer
from bots.slack.adapter import Slack
from core.domain.events import Receipt
from core.domain.messages import ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.server import SlackFake
from tests.support.slack_house import SECRET, at_home, brisk
from tests.support.slack_signature import BODY, signature, signed
from tests.support.waiting import until
from tests.support.wire import Wire


@pytest.fixture
async def home():
    async with at_home(http=True) as house:
        yield house


async def post(home, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    url = f"http://127.0.0.1:{home.port}/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, await response.text()


async def test_slack_proves_our_address(home):
    assert await post(home, BODY, signed(BODY)) == (200, '{"challenge": "3eZbrw1aB"}')


@pytest.mark.parametrize(
    "wrong",
    [
        {"X-Slack-Signature": "v0=0000"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": signature(BODY, str(int(time.time())), "another secret")},
        {"X-Slack-Signature": "v0=\u00fc"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "noon"},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": "1e400"},
        {"X-Slack-Request-Timestamp": "9" * 5_000},
        signed(BODY, str(int(time.time()) - 86_400)),
        signed(BODY, str(int(time.time()) + 86_400)),
        signed(b"another body"),
    ],
    ids=[
        "wrong",
        "none",
        "another secret",
        "not ASCII",
        "no time",
        "no number",
        "negative",
        "infinite",
        "endless",
        "replayed",
        "from the future",
        "of another body",
    ],
)
async def test_what_is_not_signed_just_now_is_refused(home, wrong):
    headers = {name: value for name, value in (signed(BODY) | wrong).items() if value}

    assert await post(home, BODY, headers) == (401, '{"error": "invalid request"}')


async def test_bytes_that_are_no_text_are_refused(home):
    body = b"\xff\xfe"

    assert (await post(home, body, signed(body)))[0] == 401


async def test_a_body_that_is_too_large_is_refused(home):
    body = b" " * 1_000_001

    assert (await post(home, body, signed(body)))[0] == 413


async def test_a_body_of_no_told_length_is_refused_and_holds_up_no_later_request(home):
    async def write_in_pieces():
        yield BODY

    url = f"http://127.0.0.1:{home.port}/slack/events"
    async with aiohttp.ClientSession() as session:
        answers = [
            await session.post(url, data=body, headers=signed(BODY), raise_for_status=False)
            for body in (write_in_pieces(), BODY)
        ]

    assert [one.status for one in answers] == [413, 200]
    assert answers[0].headers["Connection"] == "close"


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"payload=%7B", b"", b'"x"'])
async def test_signed_nonsense_breaks_nothing(home, body):
    status, _ = await post(home, body, signed(body))
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()

    assert status in {200, 400}
    assert len(home.ours("dev", root)) == 1


async def test_what_comes_while_we_are_not_connected_is_refused_so_that_slack_sends_it_again():
    async def ingest(event):
        return Receipt(new=True, ours=False, question=False, key=ThreadKey("slack:T024", "C0DEV", "1"))

    async with SlackFake() as fake, aiohttp.ClientSession() as session:
        slack = Slack(fake.token, signing_secret=SECRET, api_url=fake.base_url)

        async def deliver(port: int) -> int:
            url = f"http://127.0.0.1:{port}/slack/events"
            async with session.post(url, data=BODY, headers=signed(BODY)) as response:
                return response.status

        async with HttpServer(slack.routes()).serve("127.0.0.1", 0) as port:
            statuses = [await deliver(port)]
            running = asyncio.create_task(slack.run(ingest))
            await until(lambda: not slack.offline)
            statuses.append(await deliver(port))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            statuses.append(await deliver(port))
        await slack.close()

    assert statuses == [503, 200, 503]


@pytest.mark.parametrize("mode", [{"signing_secret": SECRET}, {"app_token": "xapp-1-fake"}], ids=["HTTP", "socket"])
async def test_a_slack_that_can_t_be_reached_is_told_with_its_reason_until_it_can(caplog, mode):
    async def ingest(event):
        return Receipt(new=True, ours=False, question=False, key=ThreadKey("slack:T024", "C0DEV", "1"))

    async with SlackFake() as fake, Wire(fake.base_url) as wire:
        mode = {**mode, "app_token": fake.app_token} if "app_token" in mode else mode
        await wire.cut()
        slack = Slack(fake.token, **mode, api_url=f"{wire.url}/api/", sleep=brisk)
        before = slack.offline
        running = asyncio.create_task(slack.run(ingest))
        await until(lambda: slack.offline.startswith("Slack can't be reached"))
        why = slack.offline
        await until(lambda: caplog.text.count("Slack can't be reached, trying again in") > 2)
        await wire.mend()
        await until(lambda: not slack.offline)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await slack.close()

    assert before == "not connected yet"
    assert why.startswith("Slack can't be reached: auth.test: ClientConnectorError (Cannot connect to host 127.0.0.1:")


async def test_a_forged_event_is_never_heard(home):
    event = {"type": "message", "channel": "C0DEV", "ts": "1700000000.000100", "user": "U0ADA", "text": "<@U0BOT> hi"}
    body = json.dumps({"type": "event_callback", "team_id": "T024", "event_id": "Ev1", "event": event}).encode()
    forged = {"X-Slack-Request-Timestamp": str(int(time.time())), "X-Slack-Signature": "v0=00"}

    await post(home, body, forged)
    await home.rest()

    assert home.asked == []


async def test_a_press_counts_only_with_slack_s_signature(home):
    gate = Gate(after=6)
    home.claude.script(Answer(text="One two three four five six seven.", gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> count")
    await home.slack.until(lambda: home.ours("dev", root))
    container = {"type": "message", "message_ts": root, "channel_id": "C0DEV", "thread_ts": root}
    press = {
        "type": "block_actions",
        "team": {"id": "T024"},
        "user": {"id": "U0ADA"},
        "channel": {"id": "C0DEV"},
        "container": container,
        "actions": [{"type": "button", "action_id": "stop", "value": f"stop:{root}", "action_ts": "1.000001"}],
    }
    body = urlencode({"payload": json.dumps(press)}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    wrong = {"X-Slack-Signature": signature(body, str(int(time.time())), "another secret")}

    refused = await post(home, body, signed(body) | form | wrong)
    goes_on = (await home.store.questions.count_open())[0]
    taken = await post(home, body, signed(body) | form)
    await home.rest()  # the gate is closed: nobody waits for Claude any more

    assert (refused, goes_on, taken) == ((401, '{"error": "invalid request"}'), 1, (200, ""))
    assert "seven" not in home.texts("dev", root)[0]
