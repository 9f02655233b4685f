"""Suggested prompts: set once in some hours, and not where Slack does not take them."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import Web
from bots.slack.home.prompts import METHOD, REFUSED, SECONDS, SuggestedPrompts
from bots.slack.parse import BotIdentity
from bots.slack.throttle import Throttle
from core.commands.overview import Overviews
from core.domain.personas import Persona
from core.store import open_store
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import BOT
from tests.fakes.slack.server import SlackFake
from tests.support.commands import NOW


@pytest.fixture
async def slack():
    async with SlackFake() as server:
        yield server


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
async def prompts(slack, now):
    store = await open_store("sqlite://")
    web = Web(AsyncWebClient(slack.token, slack.base_url), BotIdentity("slack:T024", BOT, "B0BOT", "T024"), Throttle(0))
    yield SuggestedPrompts(web, Overviews(store, Persona(), "UTC", lambda: NOW), lambda: now[0])
    await store.shut()


async def test_the_same_are_set_again_after_some_hours(prompts, slack, now):
    for now[0] in (0.0, SECONDS - 1, SECONDS + 1):
        await prompts.suggest("D0BOB")

    assert len(slack.called(METHOD)) == 2


@pytest.mark.parametrize("fault", [Fault(error="feature_not_enabled"), Fault(error="missing_scope")])
async def test_a_refusal_is_remembered_for_an_hour_for_everybody(prompts, slack, now, fault):
    slack.fail_next(METHOD, fault)
    for now[0], channel in ((0.0, "D0BOB"), (REFUSED - 1, "D0ADA"), (REFUSED + 1, "D0BOB")):
        await prompts.suggest(channel)

    assert [call["channel_id"] for call in slack.called(METHOD)] == ["D0BOB", "D0BOB"]


@pytest.mark.parametrize("fault", [Fault(429, "ratelimited", 1), Fault(503), Fault(error="channel_not_found")])
async def test_trouble_is_no_refusal(prompts, slack, fault):
    slack.fail_next(METHOD, fault)
    for channel in ("D0BOB", "D0ADA"):
        await prompts.suggest(channel)

    assert list(slack.world.prompts) == ["D0ADA"]
