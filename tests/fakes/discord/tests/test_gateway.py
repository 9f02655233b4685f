"""The loopback Discord's gateway, seen through the unmodified discord.py: sessions, shards, and how they end."""

import asyncio
import json
import signal
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import discord
import pytest

from tests.fakes.discord.client import INTENTS, Noted, Sharded, online, pointed
from tests.fakes.discord.nouns import Intent
from tests.fakes.discord.server import DiscordFake

FAR = str(5 << 22)  # a guild of an odd shard


@asynccontextmanager
async def raw(guild: DiscordFake, query: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = f"{guild.gateway_url}?v=10&encoding=json{query}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        yield socket


async def test_a_cut_session_resumes_and_replays_what_it_missed(guild, bot):
    await guild.say("ada", "general", "before")
    await bot.happened("message")
    guild.gateway.pause()
    await guild.until(lambda: not guild.gateway.live)
    await guild.say("ada", "general", "during")
    guild.gateway.proceed()
    await bot.happened("resumed")
    await guild.say("ada", "general", "after")
    await bot.happened("message", times=3)

    assert [message.content for message in bot.seen("message")] == ["before", "during", "after"]
    assert (guild.gateway.identified, guild.gateway.resumed) == (1, 1)


async def test_opcode_7_is_followed_by_a_resume(guild, bot):
    guild.gateway.ask_to_reconnect()
    await bot.happened("resumed")

    assert (guild.gateway.identified, guild.gateway.resumed) == (1, 1)


@pytest.mark.parametrize(
    ("resumable", "event", "counts"),
    [(True, "resumed", (1, 1)), (False, "ready", (2, 0))],
    ids=["resumable", "lost"],
)
async def test_opcode_9_says_whether_the_session_lives(guild, bot, resumable, event, counts):
    guild.gateway.invalidate(resumable=resumable)
    await bot.happened(event, times=1 if resumable else 2)

    assert (guild.gateway.identified, guild.gateway.resumed) == counts


async def test_events_are_lost_with_their_session(guild, bot):
    guild.gateway.pause()
    await guild.until(lambda: not guild.gateway.live)
    guild.gateway.forget()
    await guild.say("ada", "general", "lost")
    guild.gateway.proceed()
    await bot.happened("ready", times=2)
    await guild.say("ada", "general", "heard")

    assert (await bot.happened("message")).content == "heard"


async def test_a_close_code_that_can_be_mended_is_resumed(guild, bot):
    guild.gateway.hang_up(4000)
    await bot.happened("resumed")

    assert guild.gateway.resumed == 1


@pytest.mark.parametrize(("code", "left"), [(1000, 0), (4000, 1)], ids=["for good", "for now"])
async def test_a_client_that_says_goodbye_for_good_leaves_no_session(guild, code, left):
    async with raw(guild) as socket:
        await socket.send_json({"op": 2, "d": {"token": guild.token, "intents": 1, "properties": {}}})
        await guild.until(lambda: guild.gateway.live)
        await socket.close(code=code)
    await guild.until(lambda: not guild.gateway.live)

    assert len(guild.gateway.sessions) == left


async def test_a_wrong_token_is_refused_at_the_door(guild):
    with pytest.raises(discord.LoginFailure):
        async with online(Noted(), "wrong"):
            pass

    assert [(refusal.path, refusal.status) for refusal in guild.refusals] == [("/users/@me", 401)]


@pytest.mark.parametrize(
    ("intents", "shard", "code"),
    [
        (INTENTS.value | Intent.GUILD_MEMBERS, None, 4014),
        (1 << 40, None, 4013),
        (INTENTS.value, [2, 2], 4010),
        (INTENTS.value, [0, 1], 4011),
    ],
    ids=["an intent that is switched off", "no intent at all", "a shard beyond the last", "too few shards"],
)
async def test_an_identify_that_cannot_be_served_is_closed_with_its_code(intents, shard, code):
    async with DiscordFake(shards=2) as guild, raw(guild) as socket:
        await socket.receive()
        body = {"token": guild.token, "intents": int(intents), "properties": {}}
        await socket.send_json({"op": 2, "d": body | ({"shard": shard} if shard else {})})
        closed = await socket.receive()

    assert closed.data == code


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"op": 2, "d": {"token": "wrong", "intents": 0}}, 4004),
        ({"op": 8, "d": {"guild_id": "8138"}}, 4003),
        ({"op": 77, "d": None}, 4001),
        ("not json", 4002),
        ("x" * 5000, 4002),
    ],
    ids=["a wrong token", "a request before identify", "an unknown opcode", "no json", "too much at once"],
)
async def test_a_frame_that_makes_no_sense_is_closed_with_its_code(guild, frame, code):
    async with raw(guild) as socket:
        await socket.receive()
        await socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))
        closed = await socket.receive()

    assert closed.data == code


async def test_a_privileged_intent_that_is_switched_off_ends_the_client(guild):
    guild.world.privileged = Intent(0)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with online(Noted(), guild.token):
            pass


async def test_each_shard_hears_of_its_own_guilds_and_the_first_of_dms(guild):
    guild.guild(FAR, "Far")
    guild.room("lobby", FAR)
    client = Sharded(shard_count=2)
    async with online(client, guild.token):
        await guild.say("ada", "general", "near")
        await guild.say("ada", "lobby", "far")
        await guild.say("ada", "dm", "private")
        await client.happened("message", times=3)
        sessions = {session.shard: session for session in guild.gateway.live}

    heard = {message.content: message.guild and message.guild.shard_id for message in client.seen("message")}
    assert heard == {"near": 0, "far": 1, "private": None}
    assert sorted(sessions) == [(0, 2), (1, 2)]
    assert [sum("MESSAGE_CREATE" in frame for _, frame in sessions[shard, 2].log) for shard in (0, 1)] == [2, 1]


async def test_the_number_of_shards_is_asked_for(guild):
    async with online(Sharded(), guild.token):
        assert [call.path for call in guild.calls if "gateway" in call.path] == ["/gateway/bot"]
        assert [session.shard for session in guild.gateway.live] == [(0, 1)]


@pytest.mark.parametrize("compress", [True, False], ids=["zlib-stream", "plain"])
async def test_frames_come_compressed_only_if_asked_for(guild, compress):
    async with raw(guild, "&compress=zlib-stream" if compress else "") as socket:
        inflate, frames = zlib.decompressobj(), []
        await socket.send_json({"op": 2, "d": {"token": guild.token, "intents": 1, "properties": {}}})
        for _ in range(3):
            message = await socket.receive()
            frames.append(json.loads(inflate.decompress(message.data) if compress else message.data))

    assert [(frame["op"], frame.get("t")) for frame in frames] == [(10, None), (0, "READY"), (0, "GUILD_CREATE")]


async def test_only_intents_asked_for_are_heard(guild):
    client = Noted(discord.Intents(guilds=True, dm_messages=True))
    async with online(client, guild.token):
        await guild.say("ada", "general", "unheard")
        await guild.say("ada", "dm", "heard")
        message = await client.happened("message")

    assert message.content == "heard"


async def test_a_silent_gateway_is_noticed_and_resumed():
    async with DiscordFake(heartbeat=0.2) as guild:
        with pointed(guild):
            client = Noted(heartbeat_timeout=1)
            async with online(client, guild.token):
                guild.gateway.silent = True
                await client.happened("disconnect")
                guild.gateway.silent = False
                await client.happened("resumed")

    assert guild.gateway.identified == 1


async def test_a_malformed_event_ends_the_client(guild):
    client = Noted()
    running = asyncio.create_task(client.start(guild.token))
    await client.happened("ready")
    guild.gateway.inject({"op": 0, "t": "MESSAGE_CREATE", "s": 99, "d": {"id": "1"}})
    with pytest.raises(KeyError):
        await running
    await client.close()


async def test_members_are_sent_when_asked_for(guild, bot):
    found = await bot.guilds[0].query_members(user_ids=[7001, 7002])

    assert [member.name for member in found] == ["ada", "bob"]


ECHO = """
import sys, discord, yarl
from tests.fakes.discord.client import Noted

class Echo(Noted):
    async def on_message(self, message):
        if message.author != self.user:
            await message.reply(message.content)

discord.http.Route.BASE = sys.argv[1]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(sys.argv[2])
Echo().run(sys.argv[3], log_handler=None)
"""


@pytest.mark.parametrize(("phase", "shown"), [("before", ["hello"]), ("after", ["hello", "hello"])])
async def test_a_process_is_killed_at_a_request_and_another_takes_its_place(guild, phase, shown):
    line = ("-W", "ignore", "-c", ECHO, guild.api_url, guild.gateway_url, guild.token)
    process = await asyncio.create_subprocess_exec(sys.executable, *line)

    def kill(number: int, method: str, path: str, when: str) -> bool:
        if (method, when) != ("POST", phase):
            return False
        process.kill()
        return True

    guild.on_request(kill)
    await guild.until(lambda: guild.gateway.live, 20)
    await guild.say("ada", "general", "hello")
    ended = await process.wait()
    await guild.until(lambda: not guild.gateway.live)
    async with online(Noted(), guild.token):
        assert len(guild.gateway.sessions) == 1

    assert (ended, [said.content for said in guild.visible("general")]) == (-signal.SIGKILL, shown)


async def test_a_guild_in_an_outage_is_listed_and_not_shown_until_it_is_back(guild):
    guild.begin_outage("8138")
    with pointed(guild):
        client = Noted()
        async with online(client, guild.token):
            assert [(one.id, one.unavailable) for one in client.guilds] == [(8138, True)]
            guild.end_outage("8138")
            await client.happened("guild_available")

            assert [one.unavailable for one in client.guilds] == [False]


async def test_a_guild_that_removes_the_bot_is_gone_until_it_adds_it_again(guild, bot):
    guild.remove_bot("8138")
    await bot.happened("guild_remove")
    await guild.say("ada", "general", "nobody hears this")
    with pytest.raises(discord.NotFound):
        await bot.fetch_guild(8138)
    guild.add_bot("8138")
    await bot.happened("guild_join")

    assert [one.id for one in bot.guilds] == [8138]
    assert bot.seen("message") == []


async def test_a_shard_that_is_held_is_cut_off_alone_and_goes_on_in_its_session_when_it_is_released(guild):
    with pointed(guild):
        client = Sharded(shard_count=2)
        async with online(client, guild.token):
            guild.gateway.hold(1)
            await guild.until(lambda: [one.shard for one in guild.gateway.live] == [(0, 2)])
            guild.gateway.release(1)
            await client.happened("shard_resumed")

            assert (guild.gateway.identified, guild.gateway.resumed, len(guild.gateway.live)) == (2, 1, 2)
