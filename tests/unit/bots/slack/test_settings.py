"""Slack's settings: which tokens make a connection, and what is said of those that do not."""

import pytest

from bots.slack.adapter import Slack
from bots.slack.streams.rules import StreamRules
from core.domain.errors import SettingsError
from tests.support.doctor import chosen


def open_slack(**given: str | int) -> Slack:
    settings = chosen(**given)
    return Slack.from_settings(settings.platforms["slack"], settings.core)


BOT, APP = "xoxb-1-2", "xapp-1-2"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"slack_app_token": APP}, "SLACK_BOT_TOKEN: not set"),
        ({"slack_bot_token": APP}, "SLACK_BOT_TOKEN: must begin with xoxb-. What it holds belongs in SLACK_APP_TOKEN."),
        ({"slack_bot_token": "xoxp-1"}, "SLACK_BOT_TOKEN: must begin with xoxb-. What it holds belongs in no variable"),
        ({"slack_bot_token": BOT, "slack_app_token": BOT}, "SLACK_APP_TOKEN: must begin with xapp-. What it holds"),
        ({"slack_bot_token": BOT, "slack_app_token": "secret"}, "SLACK_APP_TOKEN: must begin with xapp-. It stands"),
        ({"slack_bot_token": BOT}, "SLACK_APP_TOKEN: not set."),
        ({"slack_bot_token": BOT, "slack_signing_secret": "s"}, "CONFAB_HTTP_PORT: not set."),
    ],
)
def test_tokens_that_make_no_connection_are_named_in_one_line(given, words):
    with pytest.raises(SettingsError) as raised:
        open_slack(**given)

    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)
    assert "xoxb-1-2" not in str(raised.value)


@pytest.mark.parametrize("way", ["auto", "native", "edit", "final"])
def test_answers_are_streamed_natively_where_that_is_chosen(way):
    settings = chosen(slack_streaming=way).platforms["slack"]

    assert settings.streams == (StreamRules() if way == "native" else None)


def test_without_tokens_there_is_no_slack():
    assert not chosen().platforms["slack"].configured


@pytest.mark.parametrize(
    "given",
    [
        {"slack_bot_token": BOT, "slack_app_token": APP},
        {"slack_bot_token": BOT, "slack_signing_secret": "s", "confab_http_port": 8080},
    ],
    ids=["socket", "http"],
)
def test_with_tokens_there_is(given):
    assert isinstance(open_slack(**given), Slack)
