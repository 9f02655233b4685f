"""Commands that Claude answers in Slack, end to end: a channel is read with the asker's access, within Slack's limits.

Tests bots.slack.history, bots.slack.surface, bots.slack.ephemeral.
"""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from bots.slack.client import SCARCE_BATCH
from bots.slack.throttle import PAUSE
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.server import SlackFake
from tests.support.slack_house import at_home, living

HISTORY = "conversations.history"


def whispers(home, user: str = "ada", channel: str = "dev"):
    return [one for one in home.slack.visible(channel, user) if one.user == "ephemeral"]


async def give(home, line: str, user: str = "ada", channel: str = "dev"):
    """Give a slash command; what is answered to its giver alone."""
    before = len(whispers(home, user, channel))
    await home.slack.acked(await home.slack.command(user, channel, "/confab", line))
    await home.slack.until(lambda: len(whispers(home, user, channel)) > before, 300.0)
    await home.rest()
    return whispers(home, user, channel)[-1]


async def test_the_last_messages_of_a_channel_are_summarized_with_permalinks_and_posted_where_that_was_asked():
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="Friday it is [#2].")
        await home.slack.say("bob", "dev", "When do we ship?")
        decided = await home.slack.say("cy", "dev", "On Friday.")

        answer = await give(home, "summarize last=2")
        await home.slack.acked(await home.slack.press("ada", "dev", answer.ts, "Post in the channel"))
        await home.rest()

        link = f"https://t024.slack.com/archives/C0DEV/p{decided.replace('.', '')}"
        assert link in answer.text
        assert whispers(home, "bob") == []
        assert re.findall(r"\w+: (.*)", home.prompt()[-1][1]) == ["When do we ship?", "On Friday."]
        assert len(home.asked) == 1


async def test_a_thread_is_summarized_by_a_command_in_words_to_its_giver_alone():
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="Friday it is.")
        root = await home.slack.say("bob", "dev", "When do we ship?")
        await home.slack.say("cy", "dev", "On Friday.", root)
        await home.slack.say("bob", "dev", "Something else.")

        await home.slack.say("ada", "dev", "<@U0BOT> !summarize", root)
        await home.slack.until(lambda: whispers(home))
        await home.rest()

        assert re.findall(r"\w+: (.*)", home.prompt()[-1][1]) == ["When do we ship?", "On Friday."]


async def test_a_channel_in_which_we_are_not_is_not_read_and_its_member_is_told_so():
    async with at_home() as home:
        answer = await give(home, "summarize last=5", channel="elsewhere")

        assert "I am not in this channel" in answer.text
        assert home.asked == []


async def test_an_app_that_may_read_a_page_a_minute_says_how_much_it_has_read():
    async with at_home(pause=PAUSE, sleep=asyncio.sleep, scarce=True) as home:
        home.slack.limit(HISTORY, 1, 60.0)
        for number in range(SCARCE_BATCH + 5):
            await home.slack.say("bob", "dev", f"message {number}")

        answer = await give(home, "summarize last=100")

        assert "one page of history a minute, of 15 messages here" in answer.text
        assert len(home.slack.called(HISTORY)) == 1


@pytest.mark.parametrize("line", ["summarize last=9999", "summarize since=soon", "classify categories=bug"])
async def test_what_can_not_be_read_is_refused_to_its_giver_alone(line):
    async with at_home() as home:
        await give(home, line)

        assert home.asked == []
        assert whispers(home, "bob") == []


async def test_the_files_of_a_table_come_when_it_is_posted():
    async with at_home() as home:
        found = json.dumps({"messages": [{"message": 1, "category": "bug"}]})
        home.claude.answer = lambda _body: Answer(text=found)
        await home.slack.say("bob", "dev", "It crashes.")

        answer = await give(home, 'classify categories="bug, praise" last=1')
        before = len(home.slack.called("files.completeUploadExternal"))
        await home.slack.acked(await home.slack.press("ada", "dev", answer.ts, "Post in the channel"))
        await home.rest()

        assert "will hang on it when you post it" in answer.text
        assert before == 0
        assert len(home.slack.called("files.completeUploadExternal")) >= 1
        assert len(home.asked) == 1


async def test_ten_summaries_of_a_thousand_messages_at_once_stay_within_slacks_limits():
    async with SlackFake() as slack, ClaudeFake() as claude:
        for number in range(1_000):
            await slack.say("bob", "dev", f"message {number}")
        slack.limit(HISTORY, 50, 60.0)
        claude.answer = lambda _body: Answer(text="Many messages.")
        async with living(slack, claude) as home:
            people = ["ada", "bob", "cy"]
            for number in range(10):
                await slack.command(people[number % len(people)], "dev", "/confab", "summarize last=1000")
            await slack.until(lambda: sum(len(whispers(home, user)) for user in people) == 10, 300.0)
            await home.rest()

            told = [turn[-1][1] for turn in (home.prompt(number) for number in range(10))]
            assert [one.count("Bob: message ") for one in told] == [1_000] * 10
            assert slack.limited == []


async def test_what_takes_long_can_be_stopped_by_a_button_and_shows_what_is_done():
    async with at_home(offer=0.01) as home:
        gate = Gate(after=6)
        home.claude.script(Answer(text="Friday it is, and more", chunk=6, gate=gate))
        await home.slack.say("bob", "dev", "When do we ship?")
        await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "summarize last=2"))
        await home.slack.until(lambda: whispers(home) and gate.reached.is_set())
        (offered,) = whispers(home)
        buttons = home.slack.buttons("dev", offered.ts)
        await home.slack.acked(await home.slack.press("ada", "dev", offered.ts, "Stop"))
        await home.rest()

        assert re.fullmatch(r"This takes a while \(.+\)\. Stop ends it, and shows you what is done\.", offered.text)
        assert buttons == ["Stop"]
        assert re.fullmatch(r"Friday.*Stopped\. All of it cost \$0\.\d+\.\W*", whispers(home)[-1].text, re.DOTALL)
        assert home.slack.buttons("dev", whispers(home)[-1].ts) == []


async def test_who_has_left_a_private_channel_has_none_of_it_read():
    async with at_home() as home:
        await home.slack.say("bob", "secrets", "It is 42.")
        secrets = home.slack.world.channels["G0SEC"]
        home.slack.world.channels["G0SEC"] = replace(secrets, members=tuple({*secrets.members} - {"U0ADA"}))

        answer = await give(home, "summarize last=5", channel="secrets")

        assert answer.text == "You are not in this channel, as far as Slack tells me, so I read nothing in it for you."
        assert home.asked == []


async def test_who_is_in_a_private_channel_has_it_read():
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="It is 42.")
        await home.slack.say("bob", "secrets", "It is 42.")

        answer = await give(home, "summarize last=5", channel="secrets")

        assert answer.text.startswith("It is 42.")
