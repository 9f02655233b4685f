"""A persona that is tried and kept in Slack, end to end: its editor alone sees what it answers, and a button keeps it.

Tests core.commands.trials, bots.slack.ephemeral, bots.slack.parse.
"""

import json

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


async def test_two_personas_are_compared_on_a_channels_questions_and_a_thread_is_answered_again(home, thread):
    home.claude.script(Answer(text="Second floor."), Answer(text="Im zweiten Stock."), Answer(text="Upstairs."))
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "persona compare now translator last=1"))
    await home.rest()
    await home.slack.say("ada", "dev", "<@U0BOT> !replay model=claude-haiku-4-5", thread)
    await home.rest()

    compared, replayed = whispers(home)
    assert "| `Where is the printer?` | Second floor. | Im zweiten Stock. |" in compared.text
    assert replayed.text.startswith("**1 question of this thread again**")
    assert "| Upstairs. |\n| **cost** | $" in replayed.text
    assert whispers(home, "bob") == []


async def test_an_example_is_kept_and_tested_in_a_channel(home):
    found = {"findings": [{"number": 1, "said": False, "why": "it names none"}]}
    home.claude.script(Answer(text="Soon."), Answer(text=json.dumps(found)))
    for line in ('example add must="names a day" When do we meet?', "persona test"):
        await home.slack.acked(await home.slack.command("ada", "dev", "/confab", line))
        await home.rest()

    assert "| 1 | `When do we meet?` | not said: names a day (it names none) |" in whispers(home)[-1].text
