"""Socket Mode: connected whatever happens, and every gap is told before what follows it."""

import asyncio
from dataclasses import replace

import pytest

from core.domain.errors import CannotConnect
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.server import SlackFake
from tests.support.socket_mode import BRISK, CALM, Told, listening
from tests.support.waiting import until


@pytest.fixture
async def slack():
    async with SlackFake(ack_seconds=600) as slack:
        yield slack


async def test_a_gap_is_told_before_the_events_of_its_connection(slack):
    told = Told()
    told.delay = 0.02
    await slack.say("ada", "dev", "first")
    await slack.say("ada", "dev", "second")

    async with listening(slack, told):
        await until(lambda: len(told) == 3)

    assert told == ["gap", "first", "second"]


async def test_a_gap_that_could_not_be_written_down_is_told_again(slack):
    told = Told()
    told.failing = 2
    await slack.say("ada", "dev", "first")

    async with listening(slack, told):
        await slack.settled()

    assert told == ["gap", "first"]


@pytest.mark.parametrize("how", ["cut", "silence", "disconnect"])
async def test_a_connection_that_ends_is_made_anew(slack, how):
    told = Told()
    async with listening(slack, told, retry_policy=BRISK if how == "silence" else CALM):
        await slack.connected()
        await until(lambda: told[:1] == ["gap"])
        slack.sockets.disconnect("warning") if how == "disconnect" else getattr(slack.sockets, how)()
        await slack.connected(2)
        slack.sockets.links[:] = slack.sockets.links[-1:]
        await slack.say("ada", "dev", "after")
        await until(lambda: "after" in told)

    assert told[:2] == ["gap", "gap"]


async def test_an_address_that_went_stale_is_asked_for_anew(slack):
    told = Told()
    stale = [1, 2]

    async def spoil(index, method, phase):
        if method == "apps.connections.open" and phase == "after" and stale:
            stale.pop()
            slack.world.tickets.clear()

    slack.on_request(spoil)
    async with listening(slack, told, retry_policy=replace(CALM, connect=0.5)):
        await slack.connected()

    assert len(slack.called("apps.connections.open")) == 3


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(status=503), "apps.connections.open: 503"),
        (Fault(dropped=True), "apps.connections.open: ServerDisconnectedError"),
        (Fault(429, retry_after=0.01), "apps.connections.open may be called again in 0.01 s"),
    ],
    ids=["503", "cut", "429"],
)
async def test_a_slack_that_is_away_is_waited_for_and_why_is_told_in_a_word(slack, fault, why):
    slack.fail_next("apps.connections.open", fault, 3)
    told = []

    async with listening(slack, Told(), offline=told.append):
        await slack.connected()
        await until(lambda: told[-1:] == [""])

    assert told[:4] == [f"Slack can't be reached: {why}"] * 3 + [""]


async def test_what_slack_says_of_a_token_is_told_only_where_it_is_a_word(slack):
    slack.fail_next("apps.connections.open", Fault(error=f"your token {slack.app_token} is {'very ' * 99} wrong"))

    async with listening(slack, Told()) as running:
        with pytest.raises(CannotConnect, match=r"take this token \(apps.connections.open: unknown_error\)\.$"):
            await asyncio.wait_for(asyncio.shield(running), 30)


async def test_a_token_that_is_taken_away_ends_it_in_one_line(slack):
    async with listening(slack, Told()) as running:
        await slack.connected()
        slack.refuse(slack.app_token, "token_revoked")
        slack.sockets.cut()

        with pytest.raises(CannotConnect, match="SLACK_APP_TOKEN: Slack does not take this token"):
            async with asyncio.timeout(30):
                await running


async def test_an_event_under_way_is_acknowledged_before_we_leave(slack):
    told, entered, go = Told(), asyncio.Event(), asyncio.Event()

    async def listen(body):
        entered.set()
        await go.wait()
        return []

    told.listen = listen
    async with listening(slack, told) as running:
        await slack.connected()
        await slack.say("ada", "dev", "wait")
        await entered.wait()
        running.cancel()
        await asyncio.sleep(0.01)
        go.set()
        await slack.settled()

    assert slack.outbox.lost == []
