"""The loopback Discord's sessions, seen over bare sockets: how many may begin at once, and who may take one over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.fakes.discord.nouns import Intent, Json
from tests.fakes.discord.server import DiscordFake
from tests.fakes.discord.starts import SessionStarts

INTENTS = int(Intent.GUILDS | Intent.GUILD_MESSAGES | Intent.DIRECT_MESSAGES)


@asynccontextmanager
async def greeted(guild: DiscordFake) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A socket that has read HELLO."""
    url = f"{guild.gateway_url}?v=10&encoding=json"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.receive()
        yield socket


async def identify(guild: DiscordFake, socket: aiohttp.ClientWebSocketResponse, *shard: int) -> Json:
    body = {"token": guild.token, "intents": INTENTS, "properties": {}, "shard": shard}
    await socket.send_json({"op": 2, "d": body})
    return await socket.receive_json()


@pytest.mark.parametrize(
    ("concurrency", "answers"), [(1, [0, 9, 9]), (2, [0, 0, 9])], ids=["one at once", "two at once"]
)
async def test_of_a_bucket_one_session_begins_at_once_and_what_comes_too_early_is_invalid(concurrency, answers):
    async with DiscordFake(starts=SessionStarts(concurrency, 60)) as guild:
        found = []
        for shard in range(3):
            async with greeted(guild) as socket:
                found.append((await identify(guild, socket, shard, 4))["op"])

    assert found == answers
    assert (guild.gateway.starts.crowded, guild.gateway.identified) == (answers.count(9), answers.count(0))


def test_a_bucket_takes_the_next_session_after_its_window():
    now = [100.0]
    starts = SessionStarts(1, 5.0, clock=lambda: now[0])
    found = []
    for now[0] in (100.0, 104.9, 105.0):
        found.append(starts.admits(0))

    assert found == [True, False, True]


async def test_each_session_uses_up_one_of_the_days_and_who_begins_one_more_loses_the_token(guild):
    guild.world.sessions = 1
    async with greeted(guild) as first, greeted(guild) as second:
        ready = await identify(guild, first, 0, 1)
        await second.send_json({"op": 2, "d": {"token": guild.token, "intents": INTENTS, "properties": {}}})
        closed = await second.receive()

    assert (ready["t"], guild.world.sessions, closed.data) == ("READY", 0, 4004)


async def test_another_process_takes_up_a_session_and_hears_what_was_missed_while_the_former_socket_closes(guild):
    async with greeted(guild) as first, greeted(guild) as second:
        session = (await identify(guild, first, 0, 1))["d"]["session_id"]
        await guild.say("ada", "general", "hello")
        body = {"token": guild.token, "session_id": session, "seq": 2}
        await second.send_json({"op": 6, "d": body})
        replayed = [await second.receive_json(), await second.receive_json()]
        while (closed := await first.receive()).type is aiohttp.WSMsgType.TEXT:
            pass

    assert [frame["t"] for frame in replayed] == ["MESSAGE_CREATE", "RESUMED"]
    assert (closed.data, guild.gateway.identified, guild.gateway.resumed) == (4000, 1, 1)


async def test_a_resume_without_a_sequence_makes_no_sense(guild):
    async with greeted(guild) as socket:
        await socket.send_json({"op": 6, "d": {"token": guild.token, "session_id": "s1", "seq": None}})

        assert (await socket.receive()).data == 4002
