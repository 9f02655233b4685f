"""The app's manifest: it asks Slack for what the code uses, within Slack's limits."""

import json

from bots.slack.manifest import EVENTS, SCOPES, build_manifest
from core.commands import TABLE
from tests.fakes.slack import events as slack_events
from tests.fakes.slack import server as slack


def test_the_manifest_asks_for_what_the_code_uses():
    made = build_manifest()

    assert set(made["oauth_config"]["scopes"]["bot"]) <= slack.SCOPES
    assert set(made["settings"]["event_subscriptions"]["bot_events"]) <= slack_events.SUBSCRIBED
    assert made["settings"]["socket_mode_enabled"] is True
    assert made["settings"]["interactivity"] == {"is_enabled": True}
    assert "agent_view" in made["features"]
    assert "assistant_view" not in made["features"]
    assert "request_url" not in json.dumps(made)


def test_slack_tells_of_nothing_that_is_not_read():
    handled = {"agent_session_stopped", "app_mention", "app_uninstalled", "tokens_revoked"}
    kinds = {"message.channels", "message.groups", "message.im", "message.mpim"}

    assert set(EVENTS) == handled | kinds


def test_the_manifest_keeps_slacks_limits_and_names_every_command():
    features = build_manifest()["features"]
    hint = features["slash_commands"][0]["usage_hint"]

    assert all(row.words in hint for row in TABLE)
    assert len(build_manifest()["display_information"]["long_description"]) >= 174
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert (len(SCOPES), len(EVENTS)) == (len(set(SCOPES)), len(set(EVENTS)))


def test_the_manifest_for_http_says_where():
    made = build_manifest("https://confab.example/")

    assert made["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": "https://confab.example/slack/events",
    }
    assert made["settings"]["socket_mode_enabled"] is False


def test_the_manifest_for_many_workspaces_says_where_they_come_back_to():
    made = build_manifest(install_url="https://confab.example/")

    assert made["oauth_config"]["redirect_urls"] == ["https://confab.example/slack/oauth_redirect"]
    switches = ("org_deploy_enabled", "token_rotation_enabled", "socket_mode_enabled")
    assert [made["settings"][switch] for switch in switches] == [True, True, True]
    assert [build_manifest()["settings"][switch] for switch in switches] == [False, False, True]
    assert "redirect_urls" not in build_manifest()["oauth_config"]
