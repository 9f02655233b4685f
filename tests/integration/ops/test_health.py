"""Whether it lives, whether it is connected and what it counts, asked for over real HTTP.

Tests bots.ops.metrics.
"""

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bots.app.health import Health
from bots.app.supervisor import Supervisor
from bots.ops.http_server import HttpServer
from core.domain.errors import SettingsError, StoreUnavailable
from core.domain.messages import Outcome, Question, ThreadKey
from core.domain.usage import Usage
from core.store import open_store
from core.telemetry import (
    AnswerBegun,
    BackfillAdvanced,
    HeartbeatSent,
    PlatformCalled,
    QuestionClosed,
    RequestEnded,
    ShardsCounted,
)
from tests.fakes.board import START, Board
from tests.support.house import house
from tests.support.tool_shed import Shed, call, in_shed, use

ROOT = Path(__file__).parents[3]
QUESTION = Question(ThreadKey("slack:T1", "C1", "1"), "1", "U1", START)
COMMAND = replace(QUESTION, command="help")


class Away:
    """Questions of a database that is not there."""

    async def count_open(self):
        raise StoreUnavailable("disk full")


class Silent:
    """Questions of a database that does not answer."""

    async def count_open(self):
        await asyncio.Event().wait()


class Time:
    """Seconds that pass when a test says so."""

    seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def now(self):
        return START + timedelta(seconds=self.seconds)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
async def store(time):
    opened = await open_store("sqlite://", clock=time.now)
    yield opened
    await opened.shut()


@pytest.fixture
def health(store, time):
    return Health(store.questions, time.clock, time.now)


@asynccontextmanager
async def completions(health: Health, *platforms: Board):
    """Ask the running server for a path: status and body."""
    server = HttpServer(health.routes([Supervisor(platform) for platform in platforms]))
    async with server.serve("127.0.0.1", 0) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def ask(path: str):
            async with session.get(path) as answer:
                return answer.status, await (answer.json() if path != "/metrics" else answer.text())

        yield ask


def named(name: str, offline: str = "") -> Board:
    board = Board()
    board.name, board.offline = name, offline
    return board


async def test_it_lives_as_long_as_it_says_so(health, time):
    async with completions(health) as ask:
        time.seconds = 9
        assert await ask("/healthz") == (200, {"alive": True, "seconds_since_beat": 9.0})
        time.seconds = 10
        assert await ask("/healthz") == (503, {"alive": False, "seconds_since_beat": 10.0})
        health(HeartbeatSent())
        assert await ask("/healthz") == (200, {"alive": True, "seconds_since_beat": 0.0})


async def test_a_process_that_is_stuck_does_not_live_and_one_whose_database_is_away_does(health, time):
    away = Health(Away(), time.clock, time.now)
    async with completions(health) as ask, completions(away) as ask_without_database:
        time.seconds = 59
        assert await ask("/livez") == (200, {"alive": True, "seconds_since_beat": 59.0})
        time.seconds = 60
        assert await ask("/livez") == (503, {"alive": False, "seconds_since_beat": 60.0})
        assert await ask_without_database("/livez") == (200, {"alive": True, "seconds_since_beat": 60.0})
        health(HeartbeatSent())
        assert await ask("/livez") == (200, {"alive": True, "seconds_since_beat": 0.0})


async def test_a_database_that_does_not_answer_is_told_before_a_probe_gives_up():
    async with asyncio.timeout(2), completions(Health(Silent(), patience=0.01)) as ask:
        status, told = await ask("/readyz")
        alive = await ask("/livez")
        metrics, _ = await ask("/metrics")

    assert (status, told["database"], alive[0], metrics) == (503, "can't be read just now", 200, 503)


async def test_it_is_ready_when_every_platform_is_connected(health):
    async with completions(health, named("slack"), named("discord")) as ask:
        status, told = await ask("/readyz")

    assert status == 200
    assert told == {
        "ready": True,
        "platforms": {"slack": "connected", "discord": "connected"},
        "open_questions": 0,
        "oldest_question_seconds": 0.0,
    }


async def test_it_is_not_ready_while_one_is_offline_and_says_why(health):
    async with completions(
        health, named("slack"), named("discord", "DISCORD_BOT_TOKEN: Discord does not take it.")
    ) as ask:
        status, told = await ask("/readyz")

    assert (status, told["ready"]) == (503, False)
    assert told["platforms"] == {"slack": "connected", "discord": "DISCORD_BOT_TOKEN: Discord does not take it."}


async def test_it_is_not_ready_without_its_database(time):
    async with completions(Health(Away(), time.clock, time.now), named("slack")) as ask:
        status, told = await ask("/readyz")
        metrics = await ask("/metrics")

    assert (status, told["ready"], told["database"]) == (503, False, "can't be read just now")
    assert metrics[0] == 503


async def test_open_questions_are_counted_and_the_oldest_has_an_age(health, store, time):
    board = named("slack", "connecting")
    for thread in ("t1", "t2"):
        await store.questions.ingest(board.said(thread, "U1", "hello"))
    time.seconds = 90

    async with completions(health, board) as ask:
        _, told = await ask("/readyz")
        _, metrics = await ask("/metrics")

    assert (told["open_questions"], told["oldest_question_seconds"]) == (2, 90.0)
    assert "\nconfab_open_questions 2.0\n" in metrics
    assert 'confab_connected{platform="slack"} 0.0' in metrics


async def test_how_many_shards_are_held_is_told(health, store):
    health(ShardsCounted("discord", 16, 6, 1, 984))
    health(ShardsCounted("discord", 16, 7, 0))

    async with completions(health, named("discord", "")) as ask:
        _, told = await ask("/readyz")
        _, metrics = await ask("/metrics")

    assert told["shards"] == {"discord": {"count": 16, "held": 7, "unheld": 0, "starts_left": None}}
    for state, count in (("count", 16), ("held", 7), ("unheld", 0)):
        assert f'confab_shards{{platform="discord",state="{state}"}} {count}.0' in metrics
    assert 'confab_session_starts_left{platform="discord"} 984.0' in metrics


async def test_how_much_is_still_to_be_read_of_what_was_missed_is_told_until_it_was(health):
    for workspace, unread in (("slack:T1", 40), ("slack:T2", 7), ("slack:T1", 39)):
        health(BackfillAdvanced(workspace, unread))

    async with completions(health, named("slack", "")) as ask:
        _, told = await ask("/readyz")
        _, metrics = await ask("/metrics")
        for workspace in ("slack:T1", "slack:T2"):
            health(BackfillAdvanced(workspace, 0))
        _, later = await ask("/readyz")

    assert (told["catching_up"], told["ready"], "catching_up" in later) == ({"slack": 46}, True, False)
    assert 'confab_backfill_unread{platform="slack"} 39.0' in metrics
    assert [health.count_unread(workspace) for workspace in ("slack:T1", "slack:T9")] == [0, 0]


async def test_a_question_that_waits_for_a_person_is_counted_apart(health, store, claude, time):
    board = Board()
    claude.script(call(use("make")))
    async with house(store, claude, board, tools=in_shed(Shed()), clock=time.now) as assistant:
        await assistant.ingest(board.said("t1", "U1", "make one"))
        async with asyncio.timeout(10):
            while not await store.questions.count_parked():
                await asyncio.sleep(0.002)
        time.seconds = 90
        async with completions(health, board) as ask:
            _, told = await ask("/readyz")
            _, metrics = await ask("/metrics")

    assert (told["open_questions"], told["oldest_question_seconds"]) == (0, 0.0)
    assert "\nconfab_open_questions 0.0\n" in metrics
    assert "\nconfab_parked_questions 1.0\n" in metrics


@pytest.mark.parametrize(
    ("sign", "line"),
    [
        (QuestionClosed(QUESTION, Outcome.SHOWN), 'confab_questions_total{outcome="shown",platform="slack"} 1.0'),
        (
            QuestionClosed(COMMAND, Outcome.CARRIED_OUT),
            'confab_questions_total{outcome="command",platform="slack"} 1.0',
        ),
        (QuestionClosed(QUESTION, Outcome.SHOWN), 'confab_answer_seconds_bucket{le="3.0",platform="slack"} 1.0'),
        (AnswerBegun(QUESTION), 'confab_first_text_seconds_sum{platform="slack"} 2.5'),
        (RequestEnded("m", "overloaded", None), 'confab_requests_total{model="m",outcome="overloaded"} 1.0'),
        (RequestEnded("m", "end_turn", Usage(output=7)), 'confab_tokens_total{kind="output",model="m"} 7.0'),
        (RequestEnded("m", "end_turn", Usage(input=1, cache_read=3)), "confab_cache_hit_ratio 0.75"),
        (
            PlatformCalled("slack", "chat.update", "limited"),
            'confab_platform_calls_total{method="chat.update",outcome="limited",platform="slack"} 1.0',
        ),
    ],
)
async def test_what_happens_is_counted(health, time, sign, line):
    time.seconds = 2.5
    health(sign)

    async with completions(health) as ask:
        status, metrics = await ask("/metrics")

    assert status == 200
    assert line in metrics.splitlines()


async def test_two_in_one_process_do_not_share_their_numbers(store, time):
    one, other = (Health(store.questions, time.clock, time.now) for _ in range(2))
    one(AnswerBegun(QUESTION))

    async with completions(other) as ask:
        _, metrics = await ask("/metrics")

    assert "confab_first_text_seconds_count" not in metrics


async def test_every_metric_is_in_the_manual(health):
    async with completions(health) as ask:
        _, metrics = await ask("/metrics")
    manual = (ROOT / "docs" / "operations.md").read_text()

    counted = set(re.findall(r"^# TYPE (confab_\w+) ", metrics, re.MULTILINE))
    counted = {name for name in counted if not name.endswith("_created")}
    assert set(re.findall(r"^\| `(confab_\w+)`", manual, re.MULTILINE)) == counted


async def test_a_path_may_have_parameters_and_what_has_no_route_is_refused():
    async def greet(request: web.Request) -> web.Response:
        return web.Response(text=f"hello {request.match_info['name']}")

    server = HttpServer([web.get("/greet/{name}", greet)])
    async with (
        server.serve("127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.get("/greet/ada") as told,
        session.post("/greet/ada") as other,
        session.get("/") as nowhere,
    ):
        assert (told.status, await told.text()) == (200, "hello ada")
        assert (other.status, nowhere.status) == (405, 404)


async def test_a_port_that_is_taken_is_one_line_for_the_operator():
    async with HttpServer().serve("127.0.0.1", 0) as port:
        with pytest.raises(
            SettingsError, match=rf"^CONFAB_HTTP_PORT: can't listen on 127.0.0.1:{port} \(Address already"
        ):
            async with HttpServer().serve("127.0.0.1", port):
                pass
