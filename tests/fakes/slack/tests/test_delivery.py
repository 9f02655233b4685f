"""The fake Slack tells a Bolt app each event until it is acknowledged, over sockets and over HTTP."""

import asyncio

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.app import SECRET, Heard, connected, listening, served
from tests.fakes.slack.nouns import Delivery
from tests.fakes.slack.server import SlackFake


async def ignored(slack: SlackFake, heard: Heard, left: int) -> None:
    """Wait until the app was deaf to one more event, and let the time for its ack be over."""
    await slack.until(lambda: heard.deaf == left)
    slack.outbox.expire()


async def test_what_is_not_acknowledged_is_told_again_under_its_id(slack: SlackFake) -> None:
    app, heard = listening(slack)
    heard.deaf = 2
    async with connected(slack, app):
        await slack.say("ada", "dev", "hello")
        (key,) = slack.unacked
        for left in (1, 0):
            await ignored(slack, heard, left)
        await slack.acked(key)

    assert slack.outbox.deliveries == [
        Delivery(key, 0),
        Delivery(key, 1, "timeout"),
        Delivery(key, 2, "timeout"),
    ]
    assert (len(heard), heard.retries, slack.unacked) == (1, ["timeout"], [])


async def test_what_is_acknowledged_is_told_once(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        await slack.say("ada", "dev", "one")
        await slack.settled()
        heard.deaf = 1
        await slack.say("ada", "dev", "two")
        await ignored(slack, heard, 0)
        await slack.settled()

    assert ([event["text"] for event in heard], heard.retries) == (["one", "two"], ["", "timeout"])


async def test_a_socket_that_is_answered_lives_on(slack: SlackFake) -> None:
    app, _ = listening(slack)
    async with connected(slack, app, ping_seconds=1):
        await slack.until(lambda: slack.sockets.heartbeats >= 2)

    assert slack.sockets.connections == 1


async def test_after_three_retries_slack_gives_up(slack: SlackFake) -> None:
    app, heard = listening(slack)
    heard.deaf = 99
    async with connected(slack, app):
        await slack.say("ada", "dev", "hello")
        (key,) = slack.unacked
        for left in (98, 97, 96, 95):
            await ignored(slack, heard, left)

    assert ([each.attempt for each in slack.outbox.deliveries], slack.outbox.lost) == ([0, 1, 2, 3], [key])


async def test_what_happens_while_the_app_is_away_waits_for_it(slack: SlackFake) -> None:
    ts = await slack.say("ada", "dev", "hello")
    app, heard = listening(slack)
    async with connected(slack, app):
        await slack.settled()

    assert [event["ts"] for event in heard] == [ts]


async def test_what_happens_while_the_app_is_away_can_be_lost(slack: SlackFake) -> None:
    slack.outbox.dropping = True
    await slack.say("ada", "dev", "hello")
    app, heard = listening(slack)
    async with connected(slack, app):
        await slack.say("ada", "dev", "again")
        await slack.settled()

    assert ([event["text"] for event in heard], len(slack.outbox.lost)) == (["again"], 1)


async def test_the_outbox_holds_only_so_many(slack: SlackFake) -> None:
    slack.outbox.room = 1
    await slack.say("ada", "dev", "one")

    with pytest.raises(AssertionError, match="more events wait"):
        await slack.say("ada", "dev", "two")


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_a_disconnect_brings_the_app_back_on_a_new_socket(slack: SlackFake, reason: str) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        slack.sockets.disconnect(reason)
        await slack.connected(2)
        await slack.say("ada", "dev", "hello")
        await slack.settled()

    assert [event["text"] for event in heard] == ["hello"]


@pytest.mark.parametrize("how", ["cut", "silence"])
async def test_an_app_whose_socket_dies_comes_back_and_misses_nothing(slack: SlackFake, how: str) -> None:
    app, heard = listening(slack)
    async with connected(slack, app, ping_seconds=0.4):
        getattr(slack.sockets, how)()
        await slack.say("ada", "dev", "hello")
        await slack.connected(2)
        if how == "silence":
            await slack.until(lambda: not any(link.silent for link in slack.sockets.links))
            slack.outbox.expire()
        await slack.settled()

    assert [event["text"] for event in heard] == ["hello"]


async def test_an_event_goes_to_any_one_of_several_sockets(slack: SlackFake) -> None:
    one, two = listening(slack), listening(slack)
    async with connected(slack, one[0]), connected(slack, two[0]):
        for number in range(4):
            await slack.say("ada", "dev", str(number))
        await slack.settled()

    assert [[event["text"] for event in heard] for _, heard in (one, two)] == [["0", "2"], ["1", "3"]]


async def test_an_event_can_come_twice_and_late(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        slack.outbox.hold()
        await slack.say("ada", "dev", "one")
        await slack.say("ada", "dev", "two")
        slack.outbox.release(backwards=True)
        await slack.settled()
        slack.outbox.again(next(iter(slack.outbox.sent)))
        await slack.until(lambda: len(heard) == 3)

    assert [event["text"] for event in heard] == ["two", "one", "one"]


async def test_a_wrong_app_token_opens_no_socket(slack: SlackFake) -> None:
    client = AsyncWebClient(base_url=slack.base_url)

    answers = [await client.api_call("apps.connections.open", params={"token": slack.app_token})]
    refused = [str(await caught(client, token)) for token in ("xapp-other", slack.token)]

    assert answers[0]["url"].startswith(f"ws://127.0.0.1:{slack.port}/link/?ticket=")
    assert ["invalid_auth" in refused[0], "not_allowed_token_type" in refused[1]] == [True, True]


async def caught(client: AsyncWebClient, token: str) -> BaseException:
    (error,) = await asyncio.gather(client.apps_connections_open(app_token=token), return_exceptions=True)
    assert isinstance(error, BaseException)
    return error


async def test_events_arrive_signed_over_http(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with served(slack, app):
        await slack.say("ada", "dev", "hello")
        (key,) = slack.unacked
        await slack.settled()

    assert [event["text"] for event in heard] == ["hello"]
    assert slack.outbox.deliveries == [Delivery(key, 0), Delivery(key, 0, status=200)]


async def test_a_failed_delivery_over_http_is_made_again(slack: SlackFake) -> None:
    app, heard = listening(slack)
    heard.deaf = 1
    async with served(slack, app):
        await slack.say("ada", "dev", "hello")
        (key,) = slack.unacked
        await slack.settled()

    assert [(each.attempt, each.status) for each in slack.outbox.deliveries] == [
        (0, None),
        (0, 500),
        (1, None),
        (1, 200),
    ]
    assert (heard.retries, slack.outbox.acks[0].id) == (["http_error"], key)


async def test_a_wrong_signature_is_turned_away(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with served(slack, app, secret="other"):
        await slack.say("ada", "dev", "hello")
        await slack.settled()

    assert ({each.status for each in slack.outbox.deliveries}, heard) == ({None, 401}, [])


async def test_a_request_url_proves_itself(slack: SlackFake) -> None:
    app, _ = listening(slack)
    async with served(slack, app):
        assert slack.endpoint
        assert await slack.endpoint.verify("3eZbrw") == (200, '{"challenge": "3eZbrw"}')


async def test_an_app_that_is_not_there_fails_to_connect(slack: SlackFake) -> None:
    slack.deliver_http("http://127.0.0.1:1/slack/events", SECRET)
    await slack.say("ada", "dev", "hello")
    await slack.settled()

    assert [each.reason for each in slack.outbox.deliveries] == ["", *["connection_failed"] * 3]
