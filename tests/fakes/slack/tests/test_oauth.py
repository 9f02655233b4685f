"""The OAuth of the fake Slack: as strict as Slack is."""

from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.nouns import Clock, Team
from tests.fakes.slack.server import SlackFake

BACK = "https://confab.example/back"
TEAM = Team("T0TWO", "Difference Engines")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def slack(clock):
    async with SlackFake(clock) as server:
        server.add_workspace(TEAM)
        server.oauth.redirects = {BACK}
        yield server


def allow(slack) -> str:
    """A code of an installation that somebody allowed."""
    asked = {"client_id": slack.oauth.client_id, "scope": "chat:write,users:read", "redirect_uri": BACK, "state": "s"}
    back = slack.oauth.allow(f"https://slack.com/oauth/v2/authorize?{urlencode(asked)}", TEAM, "U0ADA")
    return parse_qs(urlsplit(back).query)["code"][0]


async def access(slack, secret=None, **arguments):
    login = aiohttp.encode_basic_auth(slack.oauth.client_id, secret or slack.oauth.client_secret)
    client = AsyncWebClient(base_url=slack.base_url, retry_handlers=[])
    try:
        return (await client.api_call("oauth.v2.access", data=arguments, headers={"Authorization": login})).data
    except SlackApiError as error:
        return error.response["error"]


async def test_a_code_is_exchanged_once(slack):
    code = allow(slack)
    answers = [await access(slack, code=code, redirect_uri=BACK) for _ in range(2)]

    assert answers[0]["team"] == {"id": "T0TWO", "name": "Difference Engines"}
    assert answers[1] == "invalid_code"
    known = AsyncWebClient(answers[0]["access_token"], base_url=slack.base_url, retry_handlers=[])
    assert (await known.auth_test())["team_id"] == "T0TWO"


async def test_the_secret_and_the_address_are_checked_and_a_code_gets_old(slack, clock):
    refused = [
        await access(slack, "wrong", code=allow(slack), redirect_uri=BACK),
        await access(slack, code=allow(slack), redirect_uri="https://elsewhere.example"),
    ]
    code = allow(slack)
    clock.advance(601)

    assert [*refused, await access(slack, code=code, redirect_uri=BACK)] == [
        "bad_client_secret",
        "bad_redirect_uri",
        "invalid_code",
    ]


async def test_a_token_runs_out_and_a_refresh_token_works_once(slack, clock):
    slack.oauth.lifetime = 43_200
    first = await access(slack, code=allow(slack), redirect_uri=BACK)
    renewed = [await access(slack, grant_type="refresh_token", refresh_token=first["refresh_token"]) for _ in range(2)]
    clock.advance(43_201)

    assert (first["expires_in"], renewed[1]) == (43_200, "invalid_refresh_token")
    assert renewed[0]["refresh_token"] != first["refresh_token"]
    with pytest.raises(SlackApiError, match="token_expired"):
        await AsyncWebClient(first["access_token"], base_url=slack.base_url, retry_handlers=[]).auth_test()
