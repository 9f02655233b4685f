"""To which addresses the app's token is sent."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.delivery.pace import Pace
from bots.slack.client import Web
from bots.slack.parse import BotIdentity

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
    assert Web(AsyncWebClient("xoxb-1", api), US, Pace(0)).is_slack_url(url) is trusted
