"""To which addresses the app's token is sent."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import Web
from bots.slack.parse import BotIdentity
from bots.slack.throttle import Throttle

US = BotIdentity("slack:T024", "U0BOT", "B0BOT", "T024")


@pytest.mark.parametrize(
    ("api", "url", "trusted"),
    [
        ("https://slack.com/api/", "https://files.slack.com/files-pri/T-F/a", True),
        ("https://slack.com/api/", "https://slack.com/files/a", True),
        ("https://slack-gov.com/api/", "https://files.slack-gov.com/a", True),
        ("https://slack.com/api/", "http://files.slack.com/a", False),
        ("https://slack.com/api/", "https://evilslack.com/a", False),
        ("https://slack.com/api/", "https://files.slack.com.evil.org/a", False),
        ("https://slack.com/api/", "https://[files.slack.com/a", False),
        ("https://slack.com/api/", "https://files.slack.com:8443/a", False),
        ("https://slack.com/api/", "https://files.slack.com@evil.org/a", False),
        ("https://slack.com/api/", "https://evil.org\\.slack.com/a", False),
        ("https://slack.com/api/", "https://evil.org#.slack.com/a", False),
        ("https://slack.com/api/", "", False),
        ("http://127.0.0.1:9/api/", "http://127.0.0.1:9/files/a", True),
        ("http://127.0.0.1:9/api/", "http://127.0.0.1:8/files/a", False),
    ],
)
def test_our_token_goes_to_slack_only(api, url, trusted):
    assert Web(AsyncWebClient("xoxb-1", api), US, Throttle(0)).is_slack_url(url) is trusted


@pytest.mark.parametrize(
    ("url", "is_file"),
    [
        ("https://files.slack.com/files-pri/T-F/download/a.csv", True),
        ("https://files.slack.com/files-tmb/T-F/a.png", True),
        ("https://slack.com/api/chat.postMessage?channel=D1&text=hi", False),
        ("https://files.slack.com/api/conversations.history?channel=D1", False),
        ("https://slack.com/files-pri/../api/chat.postMessage", False),
        ("https://slack.com/files-pri/%2e%2e/api/chat.postMessage", False),
        ("https://slack.com//api/chat.postMessage#/files-pri/", False),
        ("https://evil.org/files-pri/T-F/a", False),
        ("https://[files.slack.com/files-pri/a", False),
        ("", False),
    ],
)
def test_with_our_token_only_files_are_fetched_and_nothing_of_the_api(url, is_file):
    assert Web(AsyncWebClient("xoxb-1", "https://slack.com/api/"), US, Throttle(0)).is_file_url(url) is is_file
