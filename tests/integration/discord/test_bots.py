"""Other bots on Discord, end to end: answered only if they may ask and mention us, and never for ever."""

import pytest

from core.answering.bot_loop_guard import STOPPED
from tests.support.guild import confab, settled, told

pytest_plugins = ("tests.support.guild_fixtures",)

ROBOT, HOOK = "7901", "7902"


@pytest.fixture(params=[True, False], ids=["bots that may", "bots that may not"])
def may(request):
    return request.param


@pytest.fixture
async def process(may, fake, claude, kept):
    async with confab(fake, claude, kept, rules={"bots": {ROBOT, HOOK} if may else set()}) as running:
        yield running


@pytest.mark.parametrize("who", ["robot", "hook"])
async def test_a_bot_is_answered_if_it_may_ask_and_mentions_us(fake, claude, process, may, who):
    await fake.say(who, "general", f"<@{fake.me}> build 7 failed, why?")
    await settled(fake, process)

    assert [one.content for one in fake.visible("general")[1:]] == ["fine"] * may


async def test_nothing_else_of_a_bot_asks(fake, claude, process):
    thread = await fake.start_thread("dev", "plans", "bob")
    await fake.say("ada", thread, f"<@{fake.me}> hello")
    await settled(fake, process)
    await fake.say("robot", thread, "a follow-up without a mention")
    await fake.say("robot", thread, "a reply with a ping", fake.visible(thread)[-2].id)
    posted = await fake.say("robot", "general", "no mention yet")
    await fake.edit(posted, f"<@{fake.me}> now")
    await settled(fake, process)

    assert len(told(claude)) == 1


async def test_a_bots_message_that_unfolds_is_answered_once(fake, claude, process, may):
    asked = await fake.say("robot", "general", f"<@{fake.me}> see https://example.org")
    await settled(fake, process)
    await fake.unfurl(asked, "https://example.org")
    await settled(fake, process)

    assert len(told(claude)) == may


async def test_two_bots_that_talk_to_each_other_are_stopped_until_a_person_speaks(fake, claude, kept):
    def ours() -> list[str]:
        return [one.content for one in fake.visible("general") if one.author == "confab"]

    async with confab(fake, claude, kept, rules={"bots": {ROBOT}}) as running:
        await fake.say("robot", "general", f"<@{fake.me}> let us talk")
        await settled(fake, running)
        for number in range(8):
            last = fake.visible("general")[-1].id
            await fake.say("robot", "general", f"<@{fake.me}> and what after {number}?", last)
            await settled(fake, running)
        await fake.say("robot", "general", f"<@{fake.me}> hello?")
        await settled(fake, running)
        stopped = ours()
        answer = next(one.id for one in fake.visible("general") if one.content == "fine")
        await fake.say("ada", "general", "what are you two doing?", answer)
        await settled(fake, running)
        await fake.say("robot", "general", f"<@{fake.me}> talking")
        await settled(fake, running)

    assert stopped == ["fine"] * 5 + [f"-# {STOPPED}"]
    assert ours()[6:] == ["fine", "fine"]
