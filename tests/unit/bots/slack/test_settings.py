"""Slack's settings: which tokens make a connection, and what is said of those that do not."""

import pytest

from bots.ops.plugin import PlatformResources
from bots.slack.adapter import Slack
from bots.slack.streams.rules import StreamRules
from core.domain.errors import SettingsError
from core.store import open_store
from core.telemetry import discard_event
from tests.support.doctor import chosen


@pytest.fixture
async def open_slack():
    store = await open_store("sqlite://")

    def open_one(**given) -> Slack:
        settings = chosen(**given)
        resources = PlatformResources(settings.core, store.notes, discard_event, installations=store.installations)
        return Slack.from_settings(settings.platforms["slack"], resources)

    yield open_one
    await store.shut()


BOT, APP = "xoxb-1-2", "xapp-1-2"
APP_ID = {"slack_client_id": "1.2", "slack_client_secret": "s3cret", "slack_app_token": APP}
SERVED = {**APP_ID, "confab_http_port": 8080, "confab_public_url": "https://confab.example"}
SERVED |= {"confab_secret_key": "k" * 42 + "A="}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"slack_app_token": APP}, "SLACK_BOT_TOKEN: not set"),
        ({"slack_bot_token": APP}, "SLACK_BOT_TOKEN: must begin with xoxb-. What it holds belongs in SLACK_APP_TOKEN."),
        ({"slack_bot_token": "xoxp-1"}, "SLACK_BOT_TOKEN: must begin with xoxb-. What it holds belongs in no variable"),
        ({"slack_bot_token": BOT, "slack_app_token": BOT}, "SLACK_APP_TOKEN: must begin with xapp-. What it holds"),
        ({"slack_bot_token": BOT, "slack_app_token": "secret"}, "SLACK_APP_TOKEN: must begin with xapp-. It stands"),
        ({"slack_bot_token": BOT}, "SLACK_APP_TOKEN: not set."),
        ({"slack_bot_token": BOT, "slack_signing_secret": "s"}, "CONFAB_HTTP_PORT: not set."),
        (SERVED | {"slack_bot_token": BOT}, "SLACK_BOT_TOKEN, SLACK_CLIENT_ID: set one of them."),
        (SERVED | {"slack_client_secret": None}, "SLACK_CLIENT_ID: is of no use without SLACK_CLIENT_SECRET. For one"),
        (SERVED | {"slack_client_id": ""}, "SLACK_CLIENT_SECRET: is of no use without SLACK_CLIENT_ID. For one"),
        (
            {"slack_bot_token": BOT, "slack_app_token": APP, "slack_client_secret": "s3cret"},
            "SLACK_CLIENT_SECRET: is of no use without SLACK_CLIENT_ID. For one workspace take it out; for many set both, "
            "from the app's page, Basic Information and take SLACK_BOT_TOKEN out.",
        ),
        (
            {"slack_bot_token": BOT, "slack_app_token": APP, "slack_client_id": "1.2"},
            "SLACK_CLIENT_ID: is of no use without SLACK_CLIENT_SECRET. For one workspace take it out; for many",
        ),
        (
            {"slack_bot_token": BOT, "slack_app_token": APP, "slack_uninstalled": "erase"},
            "SLACK_UNINSTALLED: erase works with SLACK_CLIENT_ID alone. Take it out:",
        ),
        (SERVED | {"confab_http_port": None}, "CONFAB_HTTP_PORT: not set. The page on which workspaces install"),
        (SERVED | {"confab_public_url": ""}, "CONFAB_PUBLIC_URL: must be the https:// address"),
        (SERVED | {"confab_managers": frozenset({"U1"})}, "CONFAB_MANAGERS: U1 may be somebody else in another"),
        (SERVED | {"confab_bots": frozenset({"B1", "123"})}, "CONFAB_BOTS: B1 may be somebody else in another"),
    ],
)
async def test_tokens_that_make_no_connection_are_named_in_one_line(open_slack, given, words):
    with pytest.raises(SettingsError) as raised:
        open_slack(**given)

    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)
    assert "xoxb-1-2" not in str(raised.value)


@pytest.mark.parametrize("way", ["auto", "native", "edit", "final"])
def test_answers_are_streamed_natively_where_that_is_chosen(way):
    settings = chosen(slack_streaming=way).platforms["slack"]

    assert settings.streams == (StreamRules() if way == "native" else None)


def test_without_tokens_there_is_no_slack():
    assert not chosen().platforms["slack"].configured


@pytest.mark.parametrize(
    "given",
    [
        {"slack_bot_token": BOT, "slack_app_token": APP},
        {"slack_bot_token": BOT, "slack_signing_secret": "s", "confab_http_port": 8080},
        SERVED,
        SERVED | {"confab_managers": frozenset({"T1:U1", "123"})},
    ],
    ids=["socket", "http", "many workspaces", "a manager of one of them"],
)
async def test_with_tokens_there_is(open_slack, given):
    assert isinstance(open_slack(**given), Slack)
