"""Home: what it does when many open theirs at once, and when Slack or somebody else is in its way."""

import asyncio

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import Web
from bots.slack.directory import Directory
from bots.slack.home.home import ATONCE, SHOWING, WAITING, Home
from bots.slack.parse import BotIdentity
from bots.slack.throttle import Throttle
from core.commands.overview import Overviews
from core.domain.personas import Persona
from core.store import open_store
from tests.fakes.slack.nouns import BOT, Person
from tests.fakes.slack.server import SlackFake
from tests.support.commands import NOW
from tests.support.waiting import until


@pytest.fixture
async def slack():
    async with SlackFake() as server:
        yield server


@pytest.fixture
async def home(slack):
    store = await open_store("sqlite://")
    web = Web(AsyncWebClient(slack.token, slack.base_url), BotIdentity("slack:T024", BOT, "B0BOT", "T024"), Throttle(0))
    made = Home(web, Directory(web), Overviews(store, Persona(), "UTC", lambda: NOW))
    yield made
    await made.stop()
    await store.shut()


def opened(user: str, **more) -> dict:
    event = {"type": "app_home_opened", "user": user, "tab": "home", "channel": "D0BOB", **more}
    return {"type": "event_callback", "team_id": "T024", "event": event}


async def test_of_a_crowd_only_some_are_served_at_once_and_too_many_are_left_out(home, slack):
    most, serving = 0, set()

    async def count(index, method, phase):
        nonlocal most
        if method == "views.publish":
            return
        (serving.add if phase == "before" else serving.discard)(index)
        most = max(most, len(serving))

    for number in range(WAITING + 50):
        slack.world.people[f"U1{number}"] = Person(f"U1{number}", f"p{number}")
    slack.on_request(count)
    for number in range(WAITING + 50):
        assert home.take(opened(f"U1{number}"), NOW) == []
    await slack.until(lambda: len(slack.world.homes) == WAITING)

    assert most <= ATONCE
    assert not any(f"U1{WAITING + number}" in slack.world.homes for number in range(50))


async def test_a_home_that_was_published_meanwhile_is_not_overwritten(home, slack):
    home.take(opened("U0BOB", view={"hash": "older"}), NOW)
    await slack.until(lambda: slack.world.homes)
    newer = slack.world.homes["U0BOB"]
    home.take(opened("U0CY", view={"hash": "older"}), NOW)
    home.take(opened("U0BOB", view={"hash": "older"}, channel="D0NEW"), NOW)
    await until(lambda: not home._tasks)

    assert len(slack.called("views.publish")) == 3
    assert slack.world.homes["U0BOB"] is newer


async def test_views_that_slack_is_slow_to_show_hold_up_nobody_elses_home(home, slack):
    slow = [f"U1{number}" for number in range(3 * ATONCE)]
    slack.world.people.update({name: Person(name, name) for name in slow})
    gate = asyncio.Event()

    async def hold(index, method, phase):
        if method == "views.publish" and phase == "before":
            held.append(index)
            if len(held) <= len(slow):
                await gate.wait()

    held: list[int] = []
    slack.on_request(hold)
    async with asyncio.timeout(SHOWING - 1):
        for name in slow:
            home.take(opened(name), NOW)
        await until(lambda: len(held) == len(slow))
        home.take(opened("U0BOB"), NOW)
        await slack.until(lambda: "U0BOB" in slack.world.homes)

    assert not any(name in slack.world.homes for name in slow)
    gate.set()
    await slack.until(lambda: all(name in slack.world.homes for name in slow))


async def test_stopping_ends_what_was_begun(home, slack):
    slack.faults.delays["users.info"] = 30.0
    for user in ("U0BOB", "U0CY"):
        home.take(opened(user), NOW)
    await slack.until(lambda: slack.called("users.info"))
    async with asyncio.timeout(5):
        await home.stop()

    assert slack.world.homes == {}


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (opened("U1"), True),
        ({"type": "event_callback", "event": {"type": "message"}}, False),
        ({"type": "block_actions", "actions": [{"action_id": "home:persona set"}]}, True),
        ({"type": "block_actions", "actions": [{"action_id": "stop"}]}, False),
        ({"type": "block_actions"}, False),
        ({"type": "view_submission", "view": {"callback_id": "confab_home"}}, True),
        ({"type": "view_submission", "view": {"callback_id": "confab_form"}}, False),
        ({"command": "/confab"}, False),
    ],
)
def test_it_takes_what_is_its_own(body, taken):
    assert Home.takes(None, body) is taken
