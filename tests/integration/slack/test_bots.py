"""Other bots in Slack, end to end: answered only if they may ask and mention us, and never for ever."""

from dataclasses import replace

import pytest

from core.answering.bot_loop_guard import STOPPED
from tests.fakes.slack.nouns import Person, Post
from tests.support.slack_house import at_home

ROBOT = Person("U0ROB", "robot", display="Robot", bot=True)


@pytest.fixture(params=[True, False], ids=["a bot that may", "a bot that may not"])
def may(request):
    return request.param


@pytest.fixture
async def home(may):
    async with at_home(rules={"bots": {"U0ROB"} if may else set()}) as house:
        house.slack.world.people[ROBOT.id] = ROBOT
        yield house


async def says(home, text: str, thread: str | None = None, channel: str = "C0DEV") -> Post:
    """Let the robot post."""
    return home.slack.world.post(Post(channel, home.slack.world.stamp(), ROBOT.id, text, thread, "B0ROB"))


async def test_a_bot_is_answered_if_it_may_ask_and_mentions_us(home, may):
    asked = await says(home, "<@U0BOT> build 7 failed, why?")
    await home.rest()

    assert len(home.ours("dev", asked.ts)) == may


async def test_nothing_else_of_a_bot_asks(home):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    await says(home, "a follow-up without a mention", root)
    await says(home, "a direct message", channel="D0ADA")
    await home.rest()

    assert len(home.asked) == 1


async def test_a_mention_that_a_bots_edit_adds_asks_once_and_commands_nothing(home, may):
    posted = await says(home, "build 7 runs")
    for text in ("<@U0BOT> build 7 failed, why?", "<@U0BOT> build 7 failed, why? And when?"):
        posted = replace(posted, text=text, edited=home.slack.world.stamp())
        home.slack.world.change(posted, ROBOT.id)
        await home.rest()
    home.slack.world.change(replace(posted, text="<@U0BOT> !forget", edited=home.slack.world.stamp()), ROBOT.id)
    await home.rest()

    assert len(home.ours("dev", posted.ts)) == may


async def test_a_bots_message_that_unfolds_changes_and_is_told_again_is_answered_once(home, may):
    asked = await says(home, "<@U0BOT> see https://example.org")
    await home.rest()
    await home.slack.unfurl("dev", asked.ts, {"title": "A preview"})
    home.slack.world.change(replace(asked, metadata={"event_type": "x", "event_payload": {}}), ROBOT.id)
    for ours in home.ours("dev", asked.ts):
        post = home.slack.world.posts["C0DEV", ours.ts]
        home.slack.world.change(replace(post, text=f"{post.text} <@U0BOT>"), "U0BOT")
    for key in list(home.slack.outbox.sent):
        home.slack.outbox.again(key)
    await home.rest()

    assert len(home.asked) == may


async def test_two_bots_that_talk_to_each_other_are_stopped_until_a_person_speaks():
    async with at_home(rules={"bots": {"U0ROB"}}) as home:
        home.slack.world.people[ROBOT.id] = ROBOT
        root = (await says(home, "<@U0BOT> let us talk")).ts

        for number in range(8):
            await home.rest()
            await says(home, f"<@U0BOT> and what after {number}?", root)
        await says(home, "<@U0BOT> a thread of its own, then?")
        await home.rest()
        stopped = home.texts("dev", root)
        await home.slack.say("ada", "dev", "what are you two doing?", root)
        await home.rest()
        await says(home, "<@U0BOT> talking", root)
        await home.rest()

    assert (len(stopped), stopped[-1], stopped.count(STOPPED)) == (6, STOPPED, 1)
    assert len(home.ours("dev", root)) == 8
    assert len(home.asked) == 7


async def test_a_bot_gives_no_commands():
    async with at_home(rules={"bots": {"U0ROB"}}) as home:
        home.slack.world.people[ROBOT.id] = ROBOT
        asked = await says(home, "<@U0BOT> !forget")
        await home.rest()

        assert home.ours("dev", asked.ts) == home.asked == []
