"""Memberships: which channels a person and we are both in, with few questions to Slack."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import Web
from bots.slack.directory import Directory
from bots.slack.home.memberships import SECONDS
from bots.slack.parse import BotIdentity
from bots.slack.throttle import Throttle
from tests.fakes.slack.nouns import BOT, Channel
from tests.fakes.slack.server import SlackFake

US = BotIdentity("slack:T024", BOT, "B0BOT", "T024")


@pytest.fixture
async def slack():
    async with SlackFake() as server:
        yield server


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def memberships(slack, now):
    web = Web(AsyncWebClient(slack.token, slack.base_url), US, Throttle(0))
    return Directory(web, clock=lambda: now[0]).memberships


def names(channels) -> list[str]:
    return sorted(channel["id"] for channel in channels)


async def test_only_channels_that_both_are_in_and_that_are_not_archived(memberships):
    assert names(await memberships.list_shared("U0ADA")) == ["C0DEV", "C0EXT", "C0GEN", "G0MPIM", "G0SEC"]
    assert names(await memberships.list_shared("U0CY")) == ["C0DEV", "C0EXT", "C0GEN"]
    assert await memberships.find_shared("U0CY", "G0SEC") is None
    assert await memberships.find_shared("U0ADA", "C0OUT") is None


async def test_an_answer_is_believed_for_a_minute(memberships, slack, now):
    for now[0] in (0.0, SECONDS - 1, SECONDS + 1):
        await memberships.list_shared("U0CY")

    assert len(slack.called("users.conversations")) == 4


async def test_many_channels_are_read_a_thousand_at_a_time(memberships, slack):
    for number in range(1_500):
        slack.world.channels[f"C1{number}"] = Channel(f"C1{number}", f"r{number}", members=("U0CY", BOT))

    assert len(await memberships.list_shared("U0CY")) == 1_503
    assert len(slack.called("users.conversations")) == 4


async def test_who_is_in_no_channel_costs_one_question(memberships, slack):
    assert await memberships.list_shared("U0NEW") == []
    assert len(slack.called("users.conversations")) == 1
