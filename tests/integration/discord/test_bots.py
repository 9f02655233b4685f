"""Other bots on Discord, end to end: answered only if they may ask and mention us, and never for ever."""

import pytest

from core.answering.bot_loop_guard import STOPPED
from tests.support.discord_house import confab, settled, told

ROBOT, HOOK = "7901", "7902"


@pytest.fixture(params=[True, False], ids=["bots that may", "bots that may not"])
def may(request):
    return request.param


@pytest.fixture
async def process(may, guild, claude, store):
    async with confab(guild, claude, store, rules={"bots": {ROBOT, HOOK} if may else set()}) as running:
        yield running


@pytest.mark.parametrize("who", ["robot", "hook"])
async def test_a_bot_is_answered_if_it_may_ask_and_mentions_us(guild, claude, process, may, who):
    await guild.say(who, "general", f"<@{guild.me}> build 7 failed, why?")
    await settled(guild, process)

    assert [one.content for one in guild.visible("general")[1:]] == ["fine"] * may


async def test_nothing_else_of_a_bot_asks(guild, claude, process):
    thread = await guild.start_thread("dev", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> hello")
    await settled(guild, process)
    await guild.say("robot", thread, "a follow-up without a mention")
    await guild.say("robot", thread, "a reply with a ping", guild.visible(thread)[-2].id)
    await settled(guild, process)

    assert len(told(claude)) == 1


async def test_a_mention_that_a_bots_edit_adds_asks_once_and_commands_nothing(guild, claude, process, may):
    posted = await guild.say("robot", "general", "build 7 runs")
    for text in ("build 7 failed, why?", "build 7 failed, why? And when?", "!forget"):
        await guild.edit(posted, f"<@{guild.me}> {text}")
        await settled(guild, process)

    assert [one.content for one in guild.visible("general")[1:]] == ["fine"] * may


async def test_a_bots_message_that_unfolds_is_answered_once(guild, claude, process, may):
    asked = await guild.say("robot", "general", f"<@{guild.me}> see https://example.org")
    await settled(guild, process)
    await guild.unfurl(asked, "https://example.org")
    await settled(guild, process)

    assert len(told(claude)) == may


async def test_two_bots_that_talk_to_each_other_are_stopped_until_a_person_speaks(guild, claude, store):
    def ours() -> list[str]:
        return [one.content for one in guild.visible("general") if one.author == "confab"]

    async with confab(guild, claude, store, rules={"bots": {ROBOT}}) as running:
        await guild.say("robot", "general", f"<@{guild.me}> let us talk")
        await settled(guild, running)
        for number in range(8):
            last = guild.visible("general")[-1].id
            await guild.say("robot", "general", f"<@{guild.me}> and what after {number}?", last)
            await settled(guild, running)
        await guild.say("robot", "general", f"<@{guild.me}> hello?")
        await settled(guild, running)
        stopped = ours()
        answer = next(one.id for one in guild.visible("general") if one.content == "fine")
        await guild.say("ada", "general", "what are you two doing?", answer)
        await settled(guild, running)
        await guild.say("robot", "general", f"<@{guild.me}> talking")
        await settled(guild, running)

    assert stopped == ["fine"] * 5 + [f"-# {STOPPED}"]
    assert ours()[6:] == ["fine", "fine"]
