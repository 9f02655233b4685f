"""The app's manifest: it asks Slack for what the code uses, within Slack's limits."""

import json
from pathlib import Path

from bots.slack.client import PROMISED
from bots.slack.manifest import BUTTONS, EVENTS, SCOPES, build_manifest
from bots.slack.parse import BotIdentity, parse_event
from core.commands import TABLE
from tests.fakes.slack import events as slack_events
from tests.fakes.slack import server as slack
from tests.fakes.slack.api import METHODS
from tests.fakes.slack.request import Method

ROOT = Path(__file__).parents[4]
US = BotIdentity("slack:T024", "U0BOT", "B0BOT", "T024")


def test_the_manifest_asks_for_what_the_code_uses():
    made = build_manifest()

    assert set(made["oauth_config"]["scopes"]["bot"]) <= slack.SCOPES
    assert set(made["settings"]["event_subscriptions"]["bot_events"]) <= slack_events.SUBSCRIBED
    assert made["settings"]["socket_mode_enabled"] is True
    assert made["settings"]["interactivity"] == {"is_enabled": True}
    assert "agent_view" in made["features"]
    assert "assistant_view" not in made["features"]
    assert "request_url" not in json.dumps(made)


USED = {
    "agent_session_stopped": "agent_session_stopped",
    "app_mention": "app_mention",
    "app_uninstalled": "app_uninstalled",
    "message.channels": "thread_reply",
    "message.groups": "group",
    "message.im": "direct",
    "message.mpim": "group_unasked",
    "tokens_revoked": "tokens_revoked",
}
"""Each event that Slack is asked for, and a payload of it that makes us do something."""
OPENED = "app_home_opened"  # for which the home tab is published, and no event of ours is made

OF_EVENTS = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
}
OF_FEATURES = {"slash_commands": "commands", "shortcuts": "commands"}
"""The scopes without which Slack tells of no such event, or takes no such part of a manifest."""


def test_each_event_that_slack_is_asked_for_makes_us_do_something_and_no_other_is():
    payloads = ROOT / "tests/payloads/slack"
    done = {kind: parse_event(json.loads((payloads / f"{name}.json").read_text()), US) for kind, name in USED.items()}

    assert set(EVENTS) == {*USED, OPENED}
    assert {kind for kind, events in done.items() if not events} == set()


def test_each_scope_is_needed_by_a_method_an_event_or_a_part_of_the_manifest_and_none_is_missing():
    sources = "".join(path.read_text() for path in (ROOT / "bots/slack").rglob("*.py"))
    called = {name for name in METHODS if f'"{name}"' in sources}
    needed = {scope for name in called for scope in list_scopes(METHODS[name])}
    needed |= {scope for kind, scope in OF_EVENTS.items() if kind in EVENTS}
    needed |= {scope for part, scope in OF_FEATURES.items() if build_manifest()["features"].get(part)}

    assert set(PROMISED) - called == set()
    assert {"chat.postMessage", "views.open", "files.delete"} <= called
    assert set(SCOPES) == needed


def list_scopes(method: Method) -> set[str]:
    """The scopes of a method of the bot's token, of which each opens another kind of channel."""
    if method.kind != "xoxb":
        return set()
    families = ("channels", "groups", "im", "mpim") if method.family else ()
    one_is_enough = {"im:write", "mpim:write"} <= set(method.scopes)  # we open no direct messages of several
    return {"im:write"} if one_is_enough else {*method.scopes, *(f"{one}:{method.family}" for one in families)}


def test_the_shortcuts_keep_slacks_limits_and_name_the_commands_of_menus():
    shortcuts = build_manifest()["features"]["shortcuts"]

    assert [one["name"] for one in shortcuts] == [row.action for row in TABLE if row.action]
    assert {one["type"] for one in shortcuts} == {"message"}
    assert max(len(one["name"]) for one in shortcuts) <= 24
    assert max(len(one["description"]) for one in shortcuts) <= 150
    assert max(len(one["callback_id"]) for one in shortcuts) <= 255
    assert len(shortcuts) <= 10


def test_the_manifest_keeps_slacks_limits_and_names_every_command():
    features = build_manifest()["features"]
    hint = features["slash_commands"][0]["usage_hint"]

    listed = [part.partition(" ") for part in hint.split(" · ")]
    named = {f"{noun} {verb}".strip() for noun, _, verbs in listed for verb in verbs.split("|")}
    words = {row.words for row in TABLE if not row.asks and row.words not in BUTTONS}
    many = {one.removesuffix(" ...") for one in named if one.endswith(" ...")}
    assert {f"{noun} ..." if (noun := one.partition(" ")[0]) in many else one for one in words} == named
    assert "persona" in many
    assert len(hint) <= 200
    assert len(build_manifest()["display_information"]["long_description"]) >= 174
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert (len(SCOPES), len(EVENTS)) == (len(set(SCOPES)), len(set(EVENTS)))


def test_the_manifest_for_http_says_where():
    made = build_manifest("https://confab.example/")

    assert made["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": "https://confab.example/slack/events",
    }
    assert made["settings"]["socket_mode_enabled"] is False


def test_the_manifest_for_many_workspaces_says_where_they_come_back_to():
    made = build_manifest(install_url="https://confab.example/")

    assert made["oauth_config"]["redirect_urls"] == ["https://confab.example/slack/oauth_redirect"]
    switches = ("org_deploy_enabled", "token_rotation_enabled", "socket_mode_enabled")
    assert [made["settings"][switch] for switch in switches] == [True, True, True]
    assert [build_manifest()["settings"][switch] for switch in switches] == [False, False, True]
    assert "redirect_urls" not in build_manifest()["oauth_config"]
