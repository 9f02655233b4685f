"""A Bolt app that listens to the fake Slack, as it is when nothing of it is replaced."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.nouns import Raw
from tests.fakes.slack.server import SlackFake

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
PING_SECONDS = 10.0  # what the handler takes if it is not told
EVENT = {"event_type": "answer", "event_payload": {"question": "1700000000.000100"}}
MODAL: Raw = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Persona"},
    "blocks": [{"type": "divider"}],
}


async def refusal(client: AsyncWebClient, method: str, arguments: Raw) -> Raw:
    """What Slack answers to a call that it refuses."""
    with pytest.raises(SlackApiError) as caught:
        await client.api_call(method, json=arguments)
    return dict(caught.value.response.data)


def markdown(text: str) -> dict[str, str]:
    return {"type": "markdown", "text": text}


def button(label: str, action_id: str = "stop", value: str = "all", **more: Any) -> Raw:
    return {
        "type": "button",
        "action_id": action_id,
        "value": value,
        "text": {"type": "plain_text", "text": label},
        **more,
    }


def section(text: str) -> Raw:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


class Heard(list[Raw]):
    """Every event that Bolt heard, in order, and how many acks it still leaves out."""

    deaf = 0
    retries: list[str]

    def of(self, kind: str) -> list[Raw]:
        return [event for event in self if event["type"] == kind]


def listening(slack: SlackFake) -> tuple[AsyncApp, Heard]:
    """An app that hears every event, and acknowledges only after it has."""
    app = AsyncApp(
        client=AsyncWebClient(slack.token, base_url=slack.base_url, retry_handlers=[]),
        signing_secret=SECRET,
        process_before_response=True,
        ignoring_self_events_enabled=False,
    )
    heard = Heard()
    heard.retries = []

    async def hear(event: Raw, request: Any) -> None:
        if heard.deaf:
            heard.deaf -= 1
            slack.world.pulse.beat()
            raise RuntimeError("the disk is full")
        heard.append(event)
        heard.retries += request.headers.get("x-slack-retry-reason", [""])

    for kind in ("message", "app_mention", "app_home_opened", "member_joined_channel", "agent_session_stopped"):
        app.event(kind)(hear)
    return app, heard


@asynccontextmanager
async def connected(
    slack: SlackFake, app: AsyncApp, ping_seconds: float = PING_SECONDS
) -> AsyncIterator[AsyncSocketModeHandler]:
    """The app, connected by Socket Mode. A pong that is late by half of `ping_seconds` ends a socket."""
    before = slack.sockets.connections
    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=ping_seconds)
    try:
        await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt annotates no result
        await slack.connected(before + 1)
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt annotates no result


@asynccontextmanager
async def served(slack: SlackFake, app: AsyncApp, secret: str = SECRET) -> AsyncIterator[None]:
    """The app, behind a request URL of its own."""
    runner = web.AppRunner(app.web_app(path="/slack/events"), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        slack.deliver_http(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events", secret)
        yield
    finally:
        await runner.cleanup()
