"""Schedules in Slack, end to end: a run is a message of its own that begins a thread, once, whatever is cut or killed.

Tests bots.slack.files, bots.slack.publisher, bots.slack.surface, bots.slack.directory, core.jobs.schedules.
"""

from datetime import timedelta

import pytest

from core.domain.messages import ThreadKey
from tests.fakes.claude.script import Answer
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.server import shown
from tests.support.due_schedules import leave_due, make_due
from tests.support.slack_house import at_home

DEV = ThreadKey("slack:T024", "C0DEV", "")
POST = "chat.postMessage"


async def give(home, line: str, user: str = "ada", channel: str = "dev"):
    await home.slack.acked(await home.slack.command(user, channel, "/confab", line))
    await home.rest()


async def run_due(home) -> None:
    """Leave what is due, and wait until it is answered."""
    await leave_due(home.store, home.assistant)
    await home.rest()


def runs(home, channel: str = "C0DEV"):
    """Our messages that stand in the channel itself and answer a run."""
    standing = [one for one in home.slack.world.posts.values() if one.channel == channel and one.root and one.metadata]
    return [shown(one) for one in standing if one.metadata["event_payload"]["question"].startswith("run-")]


async def test_a_run_is_a_message_of_its_own_and_what_is_said_below_it_is_answered_without_a_mention(home):
    home.claude.answer = lambda _body: Answer(text="Stand up, all of you.")
    await give(home, 'schedule add "every weekday 9:00" Remind us of the stand-up.')
    told = home.slack.visible("dev")[-1].text
    await make_due(home.store, DEV)
    await run_due(home)
    (page,) = runs(home)
    await home.slack.say("bob", "dev", "Why?", page.ts)
    await home.answered(2)

    assert "what Claude answers to `Remind us of the stand-up.`" in told
    assert "Schedule 1 of " in page.text.partition("\n")[0]
    assert "by Ada" in page.text.partition("\n")[0]
    assert page.text.endswith("Stand up, all of you.")
    assert home.texts("dev", page.ts)[1:] == ["Stand up, all of you."]
    assert home.prompt()[-2:] == [("assistant", "Stand up, all of you."), ("user", "Bob: Why?")]


async def test_a_digest_reads_the_channel_and_links_to_it_and_is_silent_where_nobody_said_anything():
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="## Decisions\nFriday it is [#1].")
        await give(home, 'schedule add "every hour" summarize')
        said = await home.slack.say("bob", "dev", "We ship on Friday.")
        await make_due(home.store, DEV, ago=timedelta(0))
        await run_due(home)
        await make_due(home.store, DEV, ago=timedelta(seconds=-0.01))
        await run_due(home)

        (page,) = runs(home)
        assert f"/archives/C0DEV/p{said.replace('.', '')}" in page.text
        assert len(home.asked) == 1


async def test_a_long_run_has_its_first_page_in_the_channel_and_the_others_below_it():
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="word " * 4000)
        await give(home, 'schedule add "every hour" Write a lot.')
        await make_due(home.store, DEV)
        await run_due(home)

        (page,) = runs(home)
        pages = home.ours("dev", page.ts)
        assert len(pages) > 1
        assert "".join(one.text for one in pages).count("word") == 4000
        assert len(home.slack.called(POST)) == len(pages) + 1


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(dropped=True)], ids=["it stands", "it does not"])
async def test_a_post_whose_answer_is_lost_is_not_made_twice(fault):
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="word " * 4000)
        await give(home, 'schedule add "every hour" Write a lot.')
        await make_due(home.store, DEV)
        home.slack.fail_next(POST, fault, 2)
        await run_due(home)

        (page,) = runs(home)
        assert "".join(home.texts("dev", page.ts)).count("word") == 4000
