"""For whom a message is in Slack, and what an edit asks: the real Bolt, SDK and store, over loopback.

Tests bots.slack.parse, bots.slack.markup, core.store.rules.ingest.
"""

import pytest

from core.store import open_store
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.server import SlackFake
from tests.support.slack_house import at_home, living


@pytest.fixture
async def home():
    async with at_home() as house:
        yield house


@pytest.mark.parametrize("text", ["try `<@U0BOT> hi`", "```\n<@U0BOT> hi\n```", "<!here> anybody?"])
async def test_what_is_not_for_us_in_a_channel_is_not_answered(home, text):
    root = await home.slack.say("ada", "dev", text)
    await home.rest()

    assert home.texts("dev", root) == []


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("<!subteam^S0OPS|@ops> look", 1),
        ("<!here> look", 1),
        ("<!channel> look", 1),
        ("<@U0BOB> look", 1),
        ("what is `<@U0BOB>`?", 2),
        ("what is `<!here>`?", 2),
        ("<!here> and <@U0BOT> look", 2),
    ],
)
async def test_a_follow_up_that_calls_others_is_theirs(home, text, answers):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    await home.slack.say("ada", "dev", text, root)
    await home.rest()

    assert len(home.texts("dev", root)) == answers


@pytest.mark.parametrize("text", ["help", "!help", "Help!", "HELP?", "!Help."])
async def test_to_call_us_and_say_help_is_help(home, text):
    root = await home.slack.say("ada", "dev", f"<@U0BOT> {text}")
    await home.rest()

    assert "Commands" in home.slack.visible("dev", "ada")[-1].text
    assert home.texts("dev", root) == home.asked == []


@pytest.mark.parametrize("text", ["help me with this", "!important: look", "!persona sett x"])
async def test_other_words_are_words_also_when_the_thread_is_read_again(home, text):
    root = await home.slack.say("ada", "dev", f"<@U0BOT> {text}")
    await home.answered()

    assert home.prompt() == [("user", f"Ada: {text}")]
    assert len(home.texts("dev", root)) == 1


async def test_a_mention_added_by_an_edit_is_a_question_once(home):
    root = await home.slack.say("ada", "dev", "why is the sky blue?")
    await home.rest()
    await home.slack.edit("ada", "dev", root, "<@U0BOT> why is the sky blue?")
    await home.answered()
    await home.slack.edit("ada", "dev", root, "<@U0BOT> why is the sky red?")
    await home.slack.unfurl("dev", root, {"title": "a page"})
    await home.rest()

    assert len(home.texts("dev", root)) == 1
    assert len(home.asked) == 1


async def test_an_edit_that_takes_the_mention_away_takes_the_question_back(home):
    gate = Gate()
    home.claude.script(Answer(text="never", gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> why?")
    await gate.reached.wait()
    await home.slack.edit("ada", "dev", root, "why?")
    await home.rest()

    assert home.texts("dev", root) == []


async def test_an_edit_while_we_were_away_is_found(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/confab.db")
    async with SlackFake() as slack, ClaudeFake() as claude:
        async with living(slack, claude, store) as home:
            root = await slack.say("ada", "dev", "why is the sky blue?")
            other = await slack.say("bob", "dev", "<@U0BOT> hello")
            await home.answered()
            reply = await slack.say("bob", "dev", "<@U0CY> look", other)
            await home.rest()
        await slack.edit("ada", "dev", root, "<@U0BOT> why is the sky blue?")
        await slack.edit("bob", "dev", reply, "<@U0BOT> look")
        async with living(slack, claude, store) as home:
            await home.answered(3)

        assert len(home.texts("dev", root)) == 1
        assert len(home.texts("dev", other)) == 2
    await store.shut()


@pytest.mark.parametrize(("text", "shown"), [("help", "Commands"), ("!persona show", "No persona is set here")])
async def test_an_edit_that_makes_a_command_of_a_message_is_carried_out_once(home, text, shown):
    root = await home.slack.say("ada", "dev", "hello?")
    await home.rest()
    await home.slack.edit("ada", "dev", root, f"<@U0BOT> {text}")
    await home.rest()
    await home.slack.edit("ada", "dev", root, f"<@U0BOT> {text}!")
    await home.rest()

    _, answer = home.slack.visible("dev", "ada")
    assert shown in answer.text
    assert home.asked == []


async def test_a_question_that_an_edit_makes_a_command_is_not_answered_beside_it(home):
    gate = Gate()
    home.claude.script(Answer(text="never", gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> tell me")
    await gate.reached.wait()
    await home.slack.edit("ada", "dev", root, "<@U0BOT> help")
    await home.rest()

    _, answer = home.slack.visible("dev", "ada")
    assert "Commands" in answer.text
    assert len(home.asked) == 1


async def test_a_question_that_edits_take_back_and_ask_again_is_answered_once(home):
    gate = Gate()
    home.claude.script(Answer(text="never", gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> why?")
    await gate.reached.wait()
    await home.slack.edit("ada", "dev", root, "why?")
    await home.slack.edit("ada", "dev", root, "<@U0BOT> why really?")
    await home.rest()
    await home.slack.edit("ada", "dev", root, "never mind")
    await home.slack.edit("ada", "dev", root, "<@U0BOT> and why?")
    await home.rest()

    assert len(home.texts("dev", root)) == 1
    assert home.prompt() == [("user", "Ada: why really?")]


@pytest.mark.parametrize("text", ["<@U0BOB> what?", "<!here> what?", "<!subteam^S0OPS|@ops> what?"])
@pytest.mark.parametrize("before", ["what?", "<@U0BOT> what?"])
async def test_a_reply_that_an_edit_makes_somebody_elses_is_not_answered(home, before, text):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    gate = Gate()
    home.claude.script(Answer(text="never", gate=gate))
    reply = await home.slack.say("ada", "dev", before, root)
    await gate.reached.wait()
    await home.slack.edit("ada", "dev", reply, text)
    await home.rest()

    assert len(home.texts("dev", root)) == 1


async def test_a_command_may_mention_us_behind_it(home):
    await home.slack.say("ada", "dev", "!persona show <@U0BOT>")
    await home.rest()

    assert "No persona is set here" in home.slack.visible("dev", "ada")[-1].text
