"""The small parts of the Slack adapter: manifest, tokens, ranks, errors, addresses.

Tests bots.slack.formatting.
"""

import json

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.delivery.throttle import Pace
from bots.slack.adapter import us_of
from bots.slack.client import Web
from bots.slack.directory import name, rank
from bots.slack.manifest import EVENTS, SCOPES, build_manifest
from bots.slack.parse import Us
from core.commands import TABLE
from core.domain.messages import Rank
from tests.fakes.slack import events as slack_events
from tests.fakes.slack import server as slack

US = Us("slack:T024", "U0BOT", "B0BOT", "T024")
GRID = Us("slack:E0ORG", "U0BOT", "B0BOT", "T024", "E0ORG")


def test_the_manifest_asks_for_what_the_code_uses():
    made = build_manifest()

    assert set(made["oauth_config"]["scopes"]["bot"]) <= slack.SCOPES
    assert set(made["settings"]["event_subscriptions"]["bot_events"]) <= slack_events.SUBSCRIBED
    assert made["settings"]["socket_mode_enabled"] is True
    assert "agent_view" in made["features"]
    assert "assistant_view" not in made["features"]
    assert "request_url" not in json.dumps(made)


def test_the_manifest_keeps_slacks_limits_and_names_every_command():
    features = build_manifest()["features"]
    hint = features["slash_commands"][0]["usage_hint"]

    assert all(row.words in hint for row in TABLE)
    assert len(build_manifest()["display_information"]["long_description"]) >= 174
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert (len(SCOPES), len(EVENTS)) == (len(set(SCOPES)), len(set(EVENTS)))


def test_the_manifest_for_http_says_where():
    made = build_manifest("https://confab.example/")

    assert made["settings"]["interactivity"]["request_url"] == "https://confab.example/slack/events"
    assert made["settings"]["socket_mode_enabled"] is False


@pytest.mark.parametrize(
    ("answer", "us"),
    [
        ({"team_id": "T024", "user_id": "U0BOT", "bot_id": "B0BOT"}, US),
        ({"team_id": "T024", "user_id": "U0BOT", "bot_id": "B0BOT", "enterprise_id": None}, US),
        ({"team_id": "T024", "user_id": "U0BOT", "bot_id": "B0BOT", "enterprise_id": "E0ORG"}, GRID),
    ],
)
def test_who_we_are_is_what_slack_says(answer, us):
    assert us_of(answer) == us


@pytest.mark.parametrize(
    ("user", "us", "expected"),
    [
        ({"team_id": "T024"}, US, Rank.MEMBER),
        ({"team_id": "T024", "is_admin": True}, US, Rank.OWNER),
        ({"team_id": "T024", "is_owner": True}, US, Rank.OWNER),
        ({"team_id": "T024", "is_primary_owner": True}, US, Rank.OWNER),
        ({"team_id": "T024", "is_restricted": True}, US, Rank.GUEST),
        ({"team_id": "T024", "is_ultra_restricted": True, "is_admin": True}, US, Rank.GUEST),
        ({"team_id": "T024", "is_stranger": True}, US, Rank.GUEST),
        ({"team_id": "T0EXT", "is_admin": True}, US, Rank.GUEST),
        ({"team_id": "T0TWO", "enterprise_user": {"enterprise_id": "E0ORG"}}, GRID, Rank.MEMBER),
        ({"team_id": "T0TWO", "enterprise_user": {"enterprise_id": "E0TWO"}}, GRID, Rank.GUEST),
        ({}, US, Rank.GUEST),
    ],
)
def test_a_rank_is_what_slack_says(user, us, expected):
    assert rank(user, us) is expected


def test_everybody_manages_their_direct_messages_but_guests():
    assert rank({"team_id": "T024"}, US, direct=True) is Rank.MANAGER
    assert rank({"team_id": "T024", "is_restricted": True}, US, direct=True) is Rank.GUEST


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ({"name": "ada", "real_name": "Ada L.", "profile": {"display_name": "Ada"}}, "Ada"),
        ({"name": "ada", "real_name": "Ada L.", "profile": {"display_name": ""}}, "Ada L."),
        ({"name": "ada"}, "ada"),
        ({}, ""),
    ],
)
def test_a_name_is_what_people_see(user, shown):
    assert name(user) == shown


@pytest.mark.parametrize(
    ("api", "url", "trusted"),
    [
        ("https://slack.com/api/", "https://files.slack.com/files-pri/T-F/a", True),
        ("https://slack.com/api/", "https://slack.com/files/a", True),
        ("https://slack-gov.com/api/", "https://files.slack-gov.com/a", True),
        ("https://slack.com/api/", "http://files.slack.com/a", False),
        ("https://slack.com/api/", "https://evilslack.com/a", False),
        ("https://slack.com/api/", "https://files.slack.com.evil.org/a", False),
        ("https://slack.com/api/", "https://files.slack.com@evil.org/a", False),
        ("https://slack.com/api/", "https://evil.org\\.slack.com/a", False),
        ("https://slack.com/api/", "https://evil.org#.slack.com/a", False),
        ("https://slack.com/api/", "", False),
        ("http://127.0.0.1:9/api/", "http://127.0.0.1:9/files/a", True),
        ("http://127.0.0.1:9/api/", "http://127.0.0.1:8/files/a", False),
    ],
)
def test_our_token_goes_to_slack_only(api, url, trusted):
    assert Web(AsyncWebClient("xoxb-1", api), US, Pace(1.0)).is_slack_url(url) is trusted
