"""Suggested prompts in Slack, end to end: what people are offered to ask in a direct message."""

import pytest

from bots.slack.home.prompts import METHOD
from core.commands.overview import PROMPTS
from tests.fakes.slack.faults import Fault
from tests.support.slack_house import at_home


@pytest.fixture
async def alone():
    async with at_home() as house:
        yield house


async def open_messages(home, user: str, calls: int) -> None:
    await home.slack.open_home(user, "messages")
    await home.slack.until(lambda: len(home.slack.called(METHOD)) >= calls)


def offered(home, channel: str) -> list[str]:
    return [one["message"] for one in home.slack.world.prompts[channel]["prompts"]]


async def tune(home, line: str) -> list[str]:
    before = home.slack.visible("dev", "ada")
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", line))
    await home.rest()
    return [one.text for one in home.slack.visible("dev", "ada")[len(before) :]]


async def test_four_prompts_are_offered_and_not_again_while_they_are_the_same(home):
    await open_messages(home, "bob", 1)
    await home.slack.open_home("bob", "messages")
    await open_messages(home, "ada", 2)

    assert offered(home, "D0BOB") == [one.message for one in PROMPTS]
    assert [set(call) - {"team_id"} for call in home.slack.called(METHOD)] == [{"channel_id", "prompts"}] * 2


async def test_the_workspaces_persona_offers_its_own(alone):
    await open_messages(alone, "bob", 1)
    await tune(alone, 'persona tune where=workspace prompts="Sum up our week; What is new in the handbook?"')
    await open_messages(alone, "bob", 2)
    await tune(alone, "persona tune where=workspace prompts=default")
    await open_messages(alone, "bob", 3)

    first, second, third = alone.slack.called(METHOD)
    assert [one["message"] for one in second["prompts"]] == ["Sum up our week", "What is new in the handbook?"]
    assert first["prompts"] == third["prompts"]


@pytest.mark.parametrize("prompts", ["a; b; c; d; e", "x" * 301, " ; "], ids=["five", "a long one", "none"])
async def test_prompts_that_slack_would_not_take_are_refused(alone, prompts):
    (said,) = await tune(alone, f'persona tune where=workspace prompts="{prompts}"')

    assert said.startswith("prompts are one to 4 sentences of at most 300 characters")


async def test_a_workspace_that_takes_no_prompts_is_not_asked_again_for_an_hour(alone):
    alone.slack.fail_next(METHOD, Fault(error="feature_not_enabled"))
    await open_messages(alone, "bob", 1)
    await alone.slack.open_home("ada", "messages")
    await alone.slack.say("bob", "D0BOB", "hello")
    await alone.answered()

    assert len(alone.slack.called(METHOD)) == 1


async def test_a_guest_is_offered_nothing_who_may_ask_nothing(alone):
    found = await alone.platform._workspaces.find("slack:T024")
    await found.web.call_once("conversations.open", users="U0EVE")
    await alone.slack.open_home("eve", "messages")
    await open_messages(alone, "bob", 1)

    assert [call["channel_id"] for call in alone.slack.called(METHOD)] == ["D0BOB"]
