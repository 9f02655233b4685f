"""Who the app is, out of what Slack says of its token."""

import pytest

from bots.slack.adapter import us_of
from bots.slack.parse import Us

US = Us("slack:T024", "U0BOT", "B0BOT", "T024")
GRID = Us("slack:E0ORG", "U0BOT", "B0BOT", "T024", "E0ORG")


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
