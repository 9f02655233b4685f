"""A workspace on loopback, and a house that is connected to one by Socket Mode or by HTTP."""

import pytest

from tests.fakes.slack.server import SlackFake
from tests.support.slack_house import at_home


@pytest.fixture
async def slack():
    async with SlackFake() as server:
        yield server


@pytest.fixture(params=["socket", pytest.param("http", marks=pytest.mark.reliability)])
async def home(request):
    async with at_home(http=request.param == "http") as house:
        yield house
