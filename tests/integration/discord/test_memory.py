"""What is kept is bounded: of questions nothing, of a server what is used, of rate limits those that last.

Tests bots.discord.gateway, bots.discord.shielded_calls and bots.discord.client.
"""

import asyncio
import gc
import json
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator

import aiohttp
import pytest
from discord.http import HTTPClient, Ratelimit

from bots.discord.gateway import Client
from bots.discord.shielded_calls import BUCKETS, Buckets, Inflight
from tests.fakes.claude.script import Answer
from tests.fakes.discord.crowd import add_guilds
from tests.fakes.discord.payloads import guild_create, user_json
from tests.support.discord_house import answered, settled

SERVERS, EACH = 300, 28 * 1024  # bytes that a server with 35 channels, 15 roles and 5 threads may take
BOUNDED = {"Past", "Prompt", "ThreadKey"}
"""Of them as many are kept as the prompt cache tracker remembers threads."""
TRANSIENT = {"Ratelimit"}
"""Kept for seconds, with a test of their own."""


def count_objects() -> Counter[str]:
    """All objects of classes of the bot and the library, by class."""
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if (
            str(kind.__module__).partition(".")[0] in {"bots", "core", "discord"}
            and kind.__name__ not in BOUNDED | TRANSIENT
        ):
            found[f"{kind.__module__}.{kind.__name__}"] += 1
    return found


def count_routes(http: HTTPClient) -> int:
    return len(http._bucket_hashes)


async def ask(guild, claude, running, times: int) -> None:
    """Mentions, and commands with private answers of two pages, in turn."""
    for number in range(times):
        if number % 2:
            await guild.say("ada", "general", f"<@{guild.me}> question {number}")
        else:
            claude.script(Answer(text="word " * 600))
            await answered(
                running,
                await guild.interact("ada", "general", "ask", {"prompt": f"question {number}", "private": True}),
            )
    await settled(guild, running)


async def measure_growth(guild, claude, running, first: int, then: int) -> tuple[Counter[str], int]:
    """What there is more of after `then` questions than after the `first` ones, and how many more routes are known."""
    http = running.discord._connected.http
    await ask(guild, claude, running, first)
    running.heard.clear()
    before, routes = count_objects(), count_routes(http)
    await ask(guild, claude, running, then)
    running.heard.clear()
    return count_objects() - before, count_routes(http) - routes


async def test_questions_leave_no_object_and_no_route_behind(guild, claude, running):
    grown, routes = await measure_growth(guild, claude, running, 10, 30)

    assert {name: more for name, more in grown.items() if more >= 12} == {}
    assert routes < 12  # none for each question; a busy machine may use one later than another


@pytest.mark.reliability
@pytest.mark.slow
async def test_between_question_200_and_600_nothing_grows(guild, claude, running):
    grown, routes = await measure_growth(guild, claude, running, 200, 400)

    assert {name: more for name, more in grown.items() if more >= 40} == {}
    assert routes == 0


async def test_rate_limits_that_are_over_go_and_those_that_last_stay():
    buckets, loop = Buckets(), asyncio.get_running_loop()
    lasts, waits = Ratelimit(None), Ratelimit(None)
    lasts.expires, waits.outgoing = loop.time() + 600, 1
    buckets |= {"lasts": lasts, "waits": waits}
    for old in (lasts, waits):
        old._last_request -= 600
    for number in range(10 * BUCKETS):
        buckets[f"token {number}"] = over = Ratelimit(None)
        over._last_request -= 600

    assert len(buckets) <= BUCKETS + 2
    assert {"lasts", "waits"} <= buckets.keys()


async def test_rate_limits_that_were_used_just_now_are_all_kept():
    buckets = Buckets()
    for number in range(10 * BUCKETS):
        buckets[f"channel {number}"] = Ratelimit(None)

    assert len(buckets) == 10 * BUCKETS


def tell_servers(guild, keys) -> Iterator[str]:
    """What the gateway tells of each server, with what a busy one has besides."""
    places = defaultdict(list)
    for channel in guild.world.channels.values():
        places[channel.guild].append(channel)
    for key in keys:
        told = guild_create(guild.world, guild.world.guilds[key], places[key])
        emoji = [{"id": f"{key}{number}", "name": f"emoji{number}", "animated": False} for number in range(50)]
        voices = [{"user_id": f"{key}{number}", "channel_id": places[key][0].id} for number in range(20)]
        members = [{**told["members"][0], "user": user_json(guild.world.user("ada"))} for _ in range(20)]
        yield json.dumps(told | {"emojis": emoji, "voice_states": voices, "members": [*told["members"], *members]})


@pytest.fixture
async def client(guild, store):
    found = Client(
        lambda _name, _payload: None,
        store.notes,
        content=True,
        shards=([0], 1),
        inflight=Inflight(guild.api_url),
        trace=aiohttp.TraceConfig(),
        quick=True,
    )
    found._connection.shard_count, found._connection.shard_ids = 1, [0]
    yield found
    for task in found._connection._ready_tasks.values():
        task.cancel()


async def test_a_server_takes_no_more_memory_than_what_is_used_of_it(guild, client):
    keys = add_guilds(guild.world, SERVERS)
    frames = list(tell_servers(guild, keys))
    me = user_json(guild.world.me) | {"verified": True, "mfa_enabled": True}
    listed = [{"id": key, "unavailable": True} for key in keys]
    ready = {"user": me, "guilds": listed, "shard": [0, 1], "application": {"id": "1", "flags": 0}}
    client._connection.parsers["READY"](ready)
    tracemalloc.start()
    for frame in frames:
        client._connection.parsers["GUILD_CREATE"](json.loads(frame))
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len([one for one in client.guilds if one.channels and one.me]) == SERVERS
    assert taken / SERVERS < EACH
