"""Storms on Discord, end to end: whatever the gateway and the API do, each question is answered once."""

import asyncio

import pytest

from bots.discord import formatting as look
from core.domain.errors import CannotConnect
from core.domain.events import Missed
from core.store import open_store
from tests.e2e.worlds import brisk
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.limits import Answer as Served
from tests.fakes.discord.limits import Fault, error, limited
from tests.fakes.discord.nouns import Permission
from tests.fakes.discord.server import DiscordFake
from tests.support.discord_house import confab, idle, settled, told
from tests.support.short_form import shorten
from tests.support.waiting import PATIENCE, until

POST, EDIT = "POST /channels/{channel}/messages", "PATCH /channels/{channel}/messages/{message}"
LIST = "GET /channels/{channel}/messages"


def answers(guild, asked: list[str], channel: str = "general") -> list[int]:
    """How many answers each message has."""
    ours = [one.reference for one in guild.visible(channel) if one.author == "confab"]
    return [ours.count(one) for one in asked]


async def ask(guild, channel: str = "general", text: str = "why?") -> str:
    return await guild.say("ada", channel, f"<@{guild.me}> {text}")


async def answered(guild, running, asked: list[str], channel: str = "general") -> None:
    await until(lambda: all(answers(guild, asked, channel)), 15)
    await idle(running)


STORMS = {
    "asked to reconnect (7)": lambda gateway: gateway.ask_to_reconnect(),
    "cut": lambda gateway: gateway.cut(),
    "hung up on (4000)": lambda gateway: gateway.hang_up(4000),
    "a bad sequence (4007)": lambda gateway: gateway.hang_up(4007),
    "too many heartbeats (4008)": lambda gateway: gateway.hang_up(4008),
    "a session timed out (4009)": lambda gateway: (gateway.hang_up(4009), gateway.forget()),
    "a server that restarts (1001)": lambda gateway: gateway.hang_up(1001),
    "a session forgotten": lambda gateway: (gateway.cut(), gateway.forget()),
}


@pytest.mark.parametrize("storm", STORMS)
async def test_a_connection_that_ends_in_the_middle_of_an_answer_loses_and_doubles_nothing(
    guild, claude, running, storm
):
    gate = Gate(after=2)
    claude.script(Answer(text="the first answer", gate=gate))
    asked = [await ask(guild)]
    await gate.reached.wait()
    lines = guild.gateway.identified + guild.gateway.resumed
    STORMS[storm](guild.gateway)
    asked.append(await ask(guild))
    gate.opened.set()
    await guild.until(lambda: guild.gateway.identified + guild.gateway.resumed > lines and guild.gateway.live, 15)
    asked.append(await ask(guild))
    await answered(guild, running, asked)

    assert answers(guild, asked) == [1, 1, 1]
    assert len(told(claude)) == 3


@pytest.mark.parametrize("resumable", [True, False], ids=["resumed", "begun anew"])
async def test_with_a_gateway_that_breaks_again_and_again_nothing_is_lost_or_doubled(guild, claude, running, resumable):
    asked = []
    for number in range(4):
        lines = guild.gateway.identified + guild.gateway.resumed
        guild.gateway.pause()
        if not resumable:
            guild.gateway.forget()
        asked.append(await ask(guild, text=f"in gap {number}"))
        guild.gateway.proceed()
        # the library's own pauses double with each gap: a fourth may take 16 seconds by its dice
        await guild.until(lambda lines=lines: guild.gateway.identified + guild.gateway.resumed > lines, PATIENCE)
        asked.append(await ask(guild, text=f"after gap {number}"))
    await answered(guild, running, asked)

    assert answers(guild, asked) == [1] * 8


async def test_a_silent_gateway_is_noticed_and_what_was_said_meanwhile_is_answered(claude, store):
    async with DiscordFake(heartbeat=0.1) as guild, confab(guild, claude, store, silence=0.3) as running:
        guild.gateway.silent = True
        await guild.until(lambda: guild.gateway.resumed)
        guild.gateway.silent = False
        asked = [await ask(guild)]
        await answered(guild, running, asked)

        assert answers(guild, asked) == [1]
        assert guild.gateway.identified == 1


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (4004, "DISCORD_BOT_TOKEN"),
        (4010, "DISCORD_SHARD_IDS"),
        (4011, "DISCORD_SHARD_COUNT"),
        (4012, "DISCORD_GATEWAY_URL"),
        (4013, "DISCORD_GATEWAY_URL"),
    ],
)
async def test_what_discord_will_go_on_refusing_is_one_line_and_no_loop(guild, claude, running, code, why):
    guild.gateway.hang_up(code)
    with pytest.raises(CannotConnect, match=why):
        await asyncio.wait_for(running.connected, 30)

    assert guild.gateway.identified == 1


async def test_told_to_stop_while_it_takes_up_a_session_again_it_stops(guild, claude, running):
    guild.gateway.pause()
    await until(lambda: guild.gateway.sockets == 2)
    running.connected.cancel()
    done, _ = await asyncio.wait([running.connected], timeout=5)
    guild.gateway.proceed()

    assert [one.cancelled() for one in done] == [True]


async def test_intents_that_are_refused_twice_are_one_line(guild, claude, running, caplog):
    guild.gateway.hang_up(4014)
    await guild.until(lambda: guild.gateway.identified == 2)
    guild.gateway.hang_up(4014)
    with pytest.raises(CannotConnect, match=r"refuses our intents \(4014\)"):
        await asyncio.wait_for(running.connected, 30)

    assert guild.gateway.identified == 2


async def test_shards_that_come_and_go_lose_nothing_and_disturb_nobody(claude, store):
    async with DiscordFake(shards=2) as guild:
        odd = str((1 << 22) + 8139)
        guild.guild(odd, "The other house")
        hall = guild.room("hall", odd)
        async with confab(guild, claude, store) as running:
            await until(lambda: len([event for event in running.heard if isinstance(event, Missed)]) == 2)
            here, there = [], []
            for number in range(3):
                gone = next(one for one in guild.gateway.live if one.shard[0] == number % 2)
                gone.line.cut()
                there.append(await ask(guild, hall))
                here.append(await ask(guild))
                await guild.until(lambda number=number: guild.gateway.resumed == number + 1, 15)
            await answered(guild, running, here)
            await answered(guild, running, there, hall)

            assert (answers(guild, here), answers(guild, there, hall)) == ([1] * 3, [1] * 3)
            assert running.discord.offline == ""
            assert guild.gateway.resumed == 3


TROUBLES = [
    pytest.param(limited(0.05), id="429"),
    pytest.param(limited(0.05, everywhere=True), id="429 of all"),
    pytest.param(Served(429, "<html>error code: 1015</html>", {"Retry-After": "1"}), id="429 of Cloudflare"),
    pytest.param(error(500), id="500"),
    pytest.param(error(502), id="502"),
    pytest.param(error(503), id="503"),
    pytest.param(Fault.HIDE, id="502 of what happened"),
    pytest.param(Fault.DROP, id="no arrival"),
    pytest.param(Fault.LOSE, id="no answer"),
]


@pytest.mark.parametrize(("route", "trouble"), shorten(3, [POST, EDIT, LIST], TROUBLES))
async def test_trouble_with_a_request_loses_and_doubles_no_answer(guild, claude, running, route, trouble):
    text = " ".join(f"word{number:04}" for number in range(260))
    claude.script(Answer(text=text, chunk=400))
    guild.fault(route, trouble, 1)
    asked = [await ask(guild)]
    await until(lambda: told(claude))
    await settled(guild, running)

    shown = [one.content for one in guild.visible("general") if one.author == "confab"]
    assert shown == look.render_pages(text)
    assert answers(guild, asked)[0] >= 1


@pytest.mark.parametrize("route", [POST, EDIT])
def test_a_request_that_discord_never_answers_is_made_again(tmp_path, route):
    text = " ".join(f"word{number:04}" for number in range(260))

    async def shown() -> list[str]:
        store = await open_store(f"sqlite:///{tmp_path}/confab.db")
        async with DiscordFake() as guild, ClaudeFake() as claude, confab(guild, claude, store) as running:
            claude.script(Answer(text=text, chunk=400))
            guild.fault(route, Fault.HANG)
            await ask(guild)
            async with asyncio.timeout(120):  # the loop's seconds
                while not told(claude) or (await store.questions.count_open())[0]:
                    await asyncio.sleep(0.1)
            await idle(running)
            pages = [one.content for one in guild.visible("general") if one.author == "confab"]
        await store.shut()
        return pages

    assert brisk.run(shown()) == look.render_pages(text)


async def test_a_full_bucket_delays_answers_and_loses_none(guild, claude, running):
    guild.bucket(POST, 2, 0.1)
    guild.bucket(EDIT, 2, 0.1)
    asked = [await ask(guild) for _ in range(6)]
    await answered(guild, running, asked)

    assert answers(guild, asked) == [1] * 6


@pytest.mark.parametrize("taken", [Permission.SEND_MESSAGES, Permission.VIEW_CHANNEL, Permission.READ_MESSAGE_HISTORY])
async def test_a_permission_that_comes_back_lets_the_next_be_answered(guild, claude, running, taken):
    gate = Gate(after=2)
    claude.script(Answer(text="the first answer", gate=gate))
    await ask(guild, "dev")
    await gate.reached.wait()
    guild.permit("confab", "dev", deny=taken)
    gate.opened.set()
    await idle(running)
    guild.permit("confab", "dev")
    asked = [await ask(guild, "dev")]
    await answered(guild, running, asked, "dev")

    assert answers(guild, asked, "dev") == [1]
