"""`usage` and `budget` given in Slack, read by those who give them and by others."""

import pytest

from core.domain.errors import CannotShow
from tests.fakes.slack.faults import Fault

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def asked(home):
    """Bob asked something in dev."""
    await home.slack.say("bob", "dev", "<@U0BOT> hello")
    await home.answered()


async def commanded(home, user: str, text: str) -> list[str]:
    """Give a command in dev, and return what its giver reads afterwards that they did not read before."""
    before = [one.text for one in home.slack.visible("dev", user)]
    await home.slack.acked(await home.slack.command(user, "dev", "/confab", text))
    await home.rest()
    return [one.text for one in home.slack.visible("dev", user) if one.text not in before]


async def test_usage_in_slack_is_a_table_with_a_picture_that_everybody_sees(home, asked):
    said = await commanded(home, "ada", "usage")

    assert "This channel, this month" in said[0]
    assert "Bob" in said[0]
    assert said == [one.text for one in home.slack.visible("dev", "bob")][-len(said) :]
    (file,) = home.slack.world.files.values()
    assert (file.name, file.content[:8]) == ("usage.png", PNG)
    assert file.alt.startswith("Bars: Bob $0.0")


@pytest.mark.parametrize("whose", ["me", "workspace"])
async def test_what_is_not_the_channels_is_whispered_in_slack_with_its_bars_in_words(home, asked, whose):
    said = await commanded(home, "ada", f"usage of={whose}")

    assert said
    assert home.slack.world.files == {}
    others = [one.text for one in home.slack.visible("dev", "bob")]
    assert [text for text in said if text in others] == []
    assert any("█" in text for text in said) is (whose == "workspace")


async def test_usage_of_the_workspace_is_refused_to_members_in_slack(home, asked):
    (said,) = await commanded(home, "bob", "usage of=workspace")

    assert said == "Only those who manage the whole workspace can see all of its usage. Try `usage of=me`."


async def test_a_budget_typed_in_slack_holds_for_whom_it_mentions(home):
    said = await commanded(home, "ada", "budget set 2.50 per=day person=<@U0BOB|bob>")
    shown = await commanded(home, "ada", "budget show")

    assert said[0].startswith("Bob may now spend $2.50 a day; days begin at midnight in UTC.")
    assert "Bob: $0.00 of $2.50 a day (0 %)" in shown[0]
    assert shown[0] not in [one.text for one in home.slack.visible("dev", "bob")]


async def test_one_person_is_told_in_a_direct_message_of_slacks(home):
    await home.platform.tell("slack:T0ACME", "U0ADA", "Of <#C0DEV>'s budget 95 % is used.")

    direct = [one for one in home.slack.world.posts.values() if one.channel.startswith("D")]
    assert [(one.user, one.text) for one in direct] == [("U0BOT", "Of <#C0DEV>'s budget 95 % is used.")]


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("conversations.open", "user_not_found"),
        ("conversations.open", "missing_scope"),
        ("chat.postMessage", "restricted_action"),
        ("chat.postMessage", "internal_error"),
    ],
)
async def test_who_cannot_be_told_in_slack_is_gone(home, method, error):
    home.slack.fail_next(method, Fault(error=error), 50)

    with pytest.raises(CannotShow, match="a direct message to U0ADA was not sent"):
        await home.platform.tell("slack:T0ACME", "U0ADA", "hello")


async def test_usage_by_channel_names_the_channels(home, asked):
    said = await commanded(home, "ada", "usage by=channel of=workspace")

    assert any("#dev" in text for text in said)
    assert not any("C0DEV" in text for text in said)
