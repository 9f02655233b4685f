"""A workspace on loopback whose clock stands still, and the SDK's client of it."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.nouns import Clock
from tests.fakes.slack.server import SlackFake

PATIENT = 600.0  # seconds for an ack: where one is late, a test says so by `outbox.expire()`


@pytest.fixture
def slack_clock():
    return Clock()


@pytest.fixture
async def slack(slack_clock):
    async with SlackFake(slack_clock, ack_seconds=PATIENT) as server:
        yield server


@pytest.fixture
def sdk(slack):
    return AsyncWebClient(slack.token, base_url=slack.base_url, retry_handlers=[])
