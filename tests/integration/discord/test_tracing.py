"""Every request to Discord is counted once, also those that discord.py repeats by itself, and none tells a secret."""

from collections import Counter

import aiohttp
import pytest

from bots.app.health import Health
from bots.app.supervisor import Supervisor
from bots.discord.client import WORDS, format_route
from bots.ops.http_server import HttpServer
from core.domain.events import Posted
from core.domain.messages import Question
from core.telemetry import PlatformCalled
from tests.fakes.discord.limits import Fault, error, limited
from tests.fakes.discord.nouns import Upload
from tests.support.discord_house import answered, confab, settled

POST, EDIT = "POST /channels/{}/messages", "PATCH /webhooks/{}/{}/messages/@original"
POSTS, EDITS = "POST /channels/{channel}/messages", "PATCH /webhooks/{webhook}/{token}/messages/{message}"


async def ask(guild, running, channel: str = "general") -> None:
    await guild.say("ada", channel, f"<@{guild.me}> why?")
    await settled(guild, running)


async def test_every_request_that_reaches_discord_is_counted_once(guild, claude, store):
    told = []
    async with confab(guild, claude, store, emit=told.append) as running:
        guild.fault(POSTS, limited(0.01))
        guild.fault(POSTS, error(503))
        guild.fault(EDITS, limited(0.01), 2)
        await ask(guild, running)
        await answered(running, await guild.interact("ada", "general", "ask", {"prompt": "why?", "private": True}))

    counted = Counter(sign.method for sign in told)
    assert counted == Counter(format_route(call.method, call.path) for call in guild.calls)
    assert {one: counted[one] for one in counted if "interactions" in one} == {"POST /interactions/{}/{}/callback": 1}


@pytest.mark.parametrize(
    ("route", "trouble", "called"),
    [
        (POSTS, limited(0.01), PlatformCalled("discord", POST, "limited")),
        (POSTS, limited(0.01, everywhere=True), PlatformCalled("discord", POST, "limited")),
        (POSTS, error(503), PlatformCalled("discord", POST, "failed")),
        (POSTS, Fault.DROP, PlatformCalled("discord", POST, "failed")),
        (EDITS, limited(0.01), PlatformCalled("discord", EDIT, "limited")),
        (EDITS, error(503), PlatformCalled("discord", EDIT, "failed")),
    ],
    ids=["limited", "limited everywhere", "failed", "cut", "a command's answer limited", "a command's answer failed"],
)
async def test_a_request_is_counted_by_how_it_ended_and_its_repetition_too(
    guild, claude, store, route, trouble, called
):
    told = []
    async with confab(guild, claude, store, emit=told.append) as running:
        guild.fault(route, trouble)
        await answered(running, await guild.interact("ada", "general", "ask", {"prompt": "why?"}))
        await ask(guild, running)

    ended = [sign.outcome for sign in told if sign.method == called.method]
    assert ended.count(called.outcome) == 1
    assert set(ended) == {called.outcome, "ok"}


async def test_a_file_that_is_fetched_is_counted_and_the_gateway_is_not(guild, claude, store):
    told = []
    async with confab(guild, claude, store, emit=told.append) as running:
        await guild.say("ada", "general", f"<@{guild.me}> read this", attachments=[Upload("notes.txt", b"one, two")])
        await settled(guild, running)
        (said,) = [event for event in running.heard if isinstance(event, Posted) and event.message.attachments]
        surface = await running.discord.surface(Question(said.key, said.id, said.message.author, said.message.at))
        assert await surface.fetch(said.message.attachments[0], said.message.id) == b"one, two"

    assert PlatformCalled("discord", "GET /attachments/{}/{}/{}", "ok") in told
    assert Counter(sign.method for sign in told)["GET /{}"] == 0


async def test_the_metrics_tell_of_a_limit(guild, claude, store):
    health = Health(store.questions)
    async with confab(guild, claude, store, emit=health) as running:
        guild.fault(POSTS, limited(0.01))
        await ask(guild, running)
        server = HttpServer(health.routes([Supervisor(running.discord)]))
        async with (
            server.serve("127.0.0.1", 0) as port,
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            metrics = (await answer.text()).splitlines()

    line = 'confab_platform_calls_total{method="POST /channels/{}/messages",outcome="%s",platform="discord"} 1.0'
    assert line % "limited" in metrics
    assert line % "ok" in metrics


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/channels/81382/messages/9", "GET /channels/{}/messages/{}"),
        ("/webhooks/8138/aW50ZXJhY3Rpb246MTI/messages/@original", "GET /webhooks/{}/{}/messages/@original"),
        ("/what/nobody/foresaw", "GET /{}/{}/{}"),
        ("/users/@me", "GET /users/@me"),
        ("", "GET "),
    ],
)
def test_of_an_address_only_known_words_are_told(path, route):
    assert format_route("GET", path) == route


def test_no_token_can_look_like_a_known_word():
    assert max(len(word) for word in WORDS) < 15
