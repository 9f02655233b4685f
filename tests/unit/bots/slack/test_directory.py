"""People of a workspace: their ranks and names, out of what Slack says of them."""

import asyncio
import time

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import Web
from bots.slack.directory import MEMBER, RANKED, Directory, read_name, read_rank
from bots.slack.parse import BotIdentity
from bots.slack.throttle import Throttle
from core.domain.errors import NoAnswer
from core.domain.messages import Rank
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.server import SlackFake

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


MINUTES = Fault(status=429, retry_after=300)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def limited():
    """A directory that waits a tenth of a second, of a Slack that can be told to take no more; with its clock."""
    clock = Clock()
    async with SlackFake() as slack:
        web = Web(AsyncWebClient(slack.token, slack.base_url), US, Throttle(0))
        yield slack, Directory(web, clock=clock, wait=0.1, rank_wait=0.2), clock


async def test_names_that_slack_withholds_for_minutes_are_waited_for_once_and_for_a_moment(limited):
    slack, directory, _ = limited
    known = await directory.fetch_names({"U0BOB"})
    for method in ("users.info", "conversations.info"):
        slack.fail_next(method, MINUTES)
    first = await directory.fetch_names({"U0BOB", "U0ADA", "#C0DEV"})
    asked, began = len(slack.calls), time.monotonic()
    again = [await directory.fetch_names({"U0BOB", "U0ADA", "U0CY", "#C0DEV", "#C0GEN"}) for _ in range(20)]

    assert first == known
    assert again == [known] * 20
    assert len(slack.calls) == asked
    assert time.monotonic() - began < 20 * 0.1


async def test_who_was_a_member_may_ask_on_while_slack_says_no_ranks_and_may_do_no_more(limited):
    slack, directory, clock = limited
    before = await directory.fetch_rank("U0ADA", "C0DEV")
    clock.now += RANKED + 1
    slack.fail_next("users.info", MINUTES)
    asks = [await directory.fetch_rank("U0ADA", "C0DEV", asks=True) for _ in range(3)]

    assert (before, asks) == (Rank.OWNER, [Rank.MEMBER] * 3)
    with pytest.raises(NoAnswer):
        await directory.fetch_rank("U0ADA", "C0DEV")
    clock.now += MEMBER
    with pytest.raises(NoAnswer):
        await directory.fetch_rank("U0ADA", "C0DEV", asks=True)


async def test_who_was_a_guest_or_is_not_known_is_not_taken_for_a_member(limited):
    slack, directory, clock = limited
    guest = await directory.fetch_rank("U0EVE", "C0DEV", asks=True)
    clock.now += RANKED + 1
    slack.fail_next("users.info", MINUTES)

    assert guest is Rank.GUEST
    async with asyncio.timeout(5):
        for person in ("U0EVE", "U0BOB", "U0BOB"):
            with pytest.raises(NoAnswer):
                await directory.fetch_rank(person, "C0DEV", asks=True)


async def test_a_channel_that_slack_does_not_know_is_one_warning_however_often_it_is_asked_for(limited, caplog):
    caplog.set_level("DEBUG", "bots.slack.directory")
    _, directory, _ = limited
    for channel in ("C0NONE", "C0NONE", "C0NIL"):
        await directory.fetch_names({f"#{channel}"})
        assert await directory.fetch_rank("U0BOB", channel) is Rank.MEMBER

    levels = [(one.levelname, one.getMessage().partition(" is ")[0]) for one in caplog.records]
    assert levels == [
        ("WARNING", "how #C0NONE"),
        ("WARNING", "who made C0NONE"),
        ("DEBUG", "how #C0NONE"),
        ("DEBUG", "who made C0NONE"),
        ("WARNING", "how #C0NIL"),
        ("WARNING", "who made C0NIL"),
    ]
