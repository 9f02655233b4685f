"""A persona that is tried and kept in Slack, end to end: its editor alone sees what it answers, and a button keeps it.

Tests core.commands.trials, bots.slack.ephemeral, bots.slack.parse.
"""

import pytest

from tests.fakes.claude.script import Answer

KEPT = "This channel has this persona from its next answer on, as version 1. Set by Ada.\n\n> Answer like a pirate."


@pytest.fixture
async def thread(home):
    """A thread with a question and its answer."""
    root = await home.slack.say("bob", "dev", "<@U0BOT> Where is the printer?")
    await home.answered()
    await home.rest()
    return root


def whispers(home, user: str = "ada"):
    return [one for one in home.slack.visible("dev", user) if one.user == "ephemeral"]


async def test_a_draft_is_tried_in_a_thread_and_kept_with_a_button_once(home, thread):
    home.claude.script(Answer(text="Arr, the second deck!"))
    await home.slack.say("ada", "dev", "<@U0BOT> !persona try Answer like a pirate.", thread)
    await home.rest()
    (tried,) = whispers(home)
    for _ in range(2):
        await home.slack.acked(await home.slack.press("ada", "dev", tried.ts, "Keep"))
        await home.rest()

    assert "**Draft** (your words, " in tried.text
    assert "Arr, the second deck!" in tried.text
    assert whispers(home, "bob") == []
    assert [one.text for one in whispers(home)[1:]] == [KEPT, "It is kept already, as version 1."]


async def test_a_draft_is_tried_by_a_slash_command_on_the_channels_last_question(home, thread):
    home.claude.script(Answer(text="Arr, the second deck!"))
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "persona try Answer like a pirate."))
    await home.rest()
    (tried,) = whispers(home)

    assert tried.text.startswith("The last question here was: `Where is the printer?`")
    assert home.slack.buttons("dev", tried.ts) == ["Keep", "Post in the channel"]
