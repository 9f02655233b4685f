"""Slack, end to end: a mention in a thread is answered, by Socket Mode and by HTTP."""

import pytest

from tests.fakes.claude import ClaudeFake
from tests.fakes.claude_script import Answer
from tests.fakes.slack import SlackFake
from tests.slack_house import living


@pytest.fixture
async def slack():
    async with SlackFake() as fake:
        yield fake


@pytest.fixture
async def claude():
    async with ClaudeFake() as fake:
        yield fake


@pytest.fixture(params=["socket"])
async def home(request, slack, claude):
    async with living(slack, claude, http=request.param == "http") as house:
        yield house


async def test_a_mention_in_a_thread_of_four_is_answered_once_with_the_whole_thread(home):
    root = await home.slack.say("ada", "dev", "The build is red.")
    await home.slack.say("bob", "dev", "Since when?", root)
    await home.slack.say("cy", "dev", "Since <@U0DEE>'s commit & mine", root)
    await home.rest()
    home.claude.script(Answer(text="Revert **both** commits."))

    await home.slack.say("dee", "dev", "<@U0BOT> what now?", root)
    await home.answered()

    assert home.texts("dev", root) == ["Revert **both** commits."]
    assert len(home.asked) == 1
    assert home.prompt() == [
        ("user", "Ada: The build is red.\nBob: Since when?\ncy: Since @Dee's commit & mine\nDee: what now?")
    ]
