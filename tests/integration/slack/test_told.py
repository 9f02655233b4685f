"""What Claude is told on Slack beside what people say: what is not drawn, whom a name notifies, and the asker's time.

Tests bots.slack.formatting, bots.slack.directory and bots.slack.surface.
"""

import re

from tests.fakes.claude.script import Answer, Gate


async def test_claude_is_told_what_slack_draws_and_that_a_name_notifies_nobody(home):
    await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()

    system = home.system()
    assert "Slack" in system
    assert all(word in system for word in ("LaTeX", "footnotes", "<br>"))
    assert "@name in your answer notifies nobody" in system
    assert "Discord" not in system


async def test_the_time_is_told_in_the_zone_that_the_asker_has_in_slack(home):
    await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()

    (first,) = home.asked[0]["messages"]
    assert re.match(r"\[\w+day, \d+ \w+ \d{4}, \d\d:\d\d, Europe/London, UTC\+0[01]:00\]\nAda: hello", words(first))
    assert not re.search(r"\d{4}, \d\d:\d\d", home.system())


async def test_a_question_in_pieces_gets_one_reply(home):
    gate = Gate(after=0)
    home.claude.script(Answer(text="never", gate=gate), Answer(text="fine"))
    root = await home.slack.say("ada", "dev", "<@U0BOT> hi")
    await gate.reached.wait()
    await home.slack.say("ada", "dev", "can you help me", root)
    await home.slack.until(lambda: len(home.asked) == 2)
    await home.rest()

    assert home.texts("dev", root) == ["fine"]
    assert home.prompt() == [("user", "Ada: hi\nAda: can you help me")]


def words(turn) -> str:
    return turn["content"][0]["text"]
