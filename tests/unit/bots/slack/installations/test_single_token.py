"""Who the app is, out of what Slack says of its token."""

from dataclasses import replace

import pytest

from bots.slack.installations.single_token import parse_identity
from bots.slack.parse import BotIdentity

US = BotIdentity("slack:T024", "U0BOT", "B0BOT", "T024")
GRID = BotIdentity("slack:E0ORG", "U0BOT", "B0BOT", "T024", "E0ORG")


@pytest.mark.parametrize(
    ("answer", "us"),
    [
        ({"team_id": "T024", "user_id": "U0BOT", "bot_id": "B0BOT"}, US),
        ({"team_id": "T024", "user_id": "U0BOT", "bot_id": "B0BOT", "enterprise_id": None}, US),
        ({"team_id": "T024", "user_id": "U0BOT", "bot_id": "B0BOT", "enterprise_id": "E0ORG"}, GRID),
        (
            {
                "team_id": "E0ORG",
                "user_id": "U0BOT",
                "bot_id": "B0BOT",
                "enterprise_id": "E0ORG",
                "is_enterprise_install": True,
            },
            replace(GRID, team=""),
        ),
    ],
)
def test_who_we_are_is_what_slack_says(answer, us):
    assert parse_identity(answer) == us
