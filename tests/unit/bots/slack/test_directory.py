"""People of a workspace: their ranks and names, out of what Slack says of them."""

import pytest

from bots.slack.directory import read_name, read_rank
from bots.slack.parse import BotIdentity
from core.domain.messages import Rank

US = BotIdentity("slack:T024", "U0BOT", "B0BOT", "T024")
GRID = BotIdentity("slack:E0ORG", "U0BOT", "B0BOT", "T024", "E0ORG")


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
    assert read_rank(user, us) is expected


def test_everybody_manages_their_direct_messages_but_guests():
    assert read_rank({"team_id": "T024"}, US, direct=True) is Rank.MANAGER
    assert read_rank({"team_id": "T024", "is_restricted": True}, US, direct=True) is Rank.GUEST


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
    assert read_name(user) == shown
