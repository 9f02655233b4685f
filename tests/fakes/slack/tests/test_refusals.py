"""The fake Slack refuses what Slack refuses, and takes what it takes."""

import json
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.app import EVENT, MODAL, button, markdown, refusal, section
from tests.fakes.slack.nouns import Clock
from tests.fakes.slack.server import SCOPES, SlackFake

POST = "chat.postMessage"
REFUSED = {
    "an unknown channel": (POST, {"channel": "C0NONE", "text": "x"}, "channel_not_found"),
    "a public channel it is not in": (POST, {"channel": "C0OUT", "text": "x"}, "not_in_channel"),
    "a private channel it is not in": (POST, {"channel": "G0NOT", "text": "x"}, "channel_not_found"),
    "an archived channel": (POST, {"channel": "C0OLD", "text": "x"}, "is_archived"),
    "a thread that is not": (POST, {"channel": "C0DEV", "text": "x", "thread_ts": "1.000100"}, "thread_not_found"),
    "no channel": (POST, {"text": "x"}, "invalid_arguments"),
    "an argument it does not know": (POST, {"channel": "C0DEV", "text": "x", "nonce": "1"}, "invalid_arguments"),
    "no words": (POST, {"channel": "C0DEV", "text": " "}, "no_text"),
    "markdown beside text": (
        POST,
        {"channel": "C0DEV", "text": "x", "markdown_text": "x"},
        "markdown_text_conflict",
    ),
    "markdown beside blocks": (
        POST,
        {"channel": "C0DEV", "blocks": [section("x")], "markdown_text": "x"},
        "markdown_text_conflict",
    ),
    "long markdown": (POST, {"channel": "C0DEV", "markdown_text": "x" * 12_001}, "msg_too_long"),
    "a long markdown block": (POST, {"channel": "C0DEV", "blocks": [markdown("x" * 12_001)]}, "msg_blocks_too_long"),
    "markdown blocks long together": (
        POST,
        {"channel": "C0DEV", "blocks": [markdown("x" * 6_001)] * 2},
        "msg_blocks_too_long",
    ),
    "long blocks": (POST, {"channel": "C0DEV", "blocks": [section("x" * 2_700)] * 5}, "msg_blocks_too_long"),
    "a long section": (POST, {"channel": "C0DEV", "blocks": [section("x" * 3_001)]}, "invalid_blocks"),
    "an empty section": (POST, {"channel": "C0DEV", "blocks": [section("")]}, "invalid_blocks"),
    "a block of no known type": (POST, {"channel": "C0DEV", "blocks": [{"type": "dance"}]}, "invalid_blocks"),
    "blocks that are none": (POST, {"channel": "C0DEV", "blocks": "x"}, "invalid_blocks_format"),
    "many blocks": (POST, {"channel": "C0DEV", "blocks": [section("x")] * 51}, "invalid_blocks"),
    "a markdown block that becomes many": (
        POST,
        {"channel": "C0DEV", "blocks": [markdown("x\n\n" * 51)]},
        "invalid_blocks",
    ),
    "a markdown block of many kinds of block": (
        POST,
        {"channel": "C0DEV", "blocks": [markdown("# a\nb\n- c\n\n> d\n\n---\n```\ne\n```\n" * 9)]},
        "invalid_blocks",
    ),
    "code that interrupts a list": (
        POST,
        {"channel": "C0DEV", "blocks": [markdown("- a\n  ```\n  b\n  ```\n" * 26)]},
        "invalid_blocks",
    ),
    "emoji that are long for JavaScript": (
        POST,
        {"channel": "C0DEV", "blocks": [markdown("\U0001f600" * 6_001)]},
        "msg_blocks_too_long",
    ),
    "a table of many rows": (
        POST,
        {"channel": "C0DEV", "blocks": [markdown("| a |\n|---|\n" + "| b |\n" * 100)]},
        "invalid_blocks",
    ),
    "a table of many columns": (
        POST,
        {"channel": "C0DEV", "blocks": [markdown("| a " * 21 + "|\n" + "|---" * 21 + "|\n")]},
        "invalid_blocks",
    ),
    "tables long together": (
        POST,
        {"channel": "C0DEV", "blocks": [markdown(f"| a |\n|---|\n| {'b' * 5_000} |\n\n" * 2)]},
        "invalid_blocks",
    ),
    "metadata without a type": (
        POST,
        {"channel": "C0DEV", "text": "x", "metadata": {"event_payload": {}}},
        "invalid_metadata_format",
    ),
    "metadata whose payload is text": (
        POST,
        {"channel": "C0DEV", "text": "x", "metadata": {"event_type": "a", "event_payload": "b"}},
        "invalid_metadata_format",
    ),
    "metadata with more": (
        POST,
        {"channel": "C0DEV", "text": "x", "metadata": EVENT | {"more": 1}},
        "invalid_metadata_schema",
    ),
    "large metadata": (
        POST,
        {"channel": "C0DEV", "text": "x", "metadata": {"event_type": "a", "event_payload": {"b": "x" * 16_000}}},
        "metadata_too_large",
    ),
    "another name without its scope": (POST, {"channel": "C0DEV", "text": "x", "username": "Eve"}, "missing_scope"),
    "a whisper to somebody who is not there": (
        "chat.postEphemeral",
        {"channel": "C0DEV", "user": "U0EVE", "text": "x"},
        "user_not_in_channel",
    ),
    "an update of nothing": ("chat.update", {"channel": "C0DEV", "ts": "1.000100", "text": "x"}, "message_not_found"),
    "a deletion of nothing": ("chat.delete", {"channel": "C0DEV", "ts": "1.000100"}, "message_not_found"),
    "a thread nobody began": ("conversations.replies", {"channel": "C0DEV", "ts": "1.000100"}, "thread_not_found"),
    "history of a channel it is not in": ("conversations.history", {"channel": "C0OUT"}, "not_in_channel"),
    "a cursor of its own making": ("users.list", {"cursor": "x"}, "invalid_cursor"),
    "no limit": ("users.list", {"limit": 100_000}, "invalid_limit"),
    "joining without the scope": ("conversations.join", {"channel": "C0OUT"}, "missing_scope"),
    "nobody": ("users.info", {"user": "U0NONE"}, "user_not_found"),
    "talking to nobody": ("conversations.open", {"users": "U0NONE"}, "user_not_found"),
    "a bot that is not": ("bots.info", {"bot": "B0NONE"}, "bot_not_found"),
    "a file's long name": ("files.getUploadURLExternal", {"filename": "x" * 256, "length": 1}, "invalid_arguments"),
    "a long description": (
        "files.getUploadURLExternal",
        {"filename": "a", "length": 1, "alt_txt": "x" * 1_001},
        "alt_txt_too_large",
    ),
    "an empty file": ("files.getUploadURLExternal", {"filename": "a.txt", "length": 0}, "invalid_arguments"),
    "a file that was not sent": ("files.completeUploadExternal", {"files": [{"id": "F0NONE"}]}, "file_not_found"),
    "a file that is not": ("files.info", {"file": "F0NONE"}, "file_not_found"),
    "a trigger that was none": ("views.open", {"trigger_id": "x", "view": MODAL}, "invalid_trigger_id"),
    "a modal without a title": (
        "views.open",
        {"trigger_id": "x", "view": {"type": "modal", "blocks": [{"type": "divider"}]}},
        "invalid_arguments",
    ),
    "a modal with an input and no way to submit": (
        "views.open",
        {"trigger_id": "x", "view": MODAL | {"blocks": [{"type": "input"}]}},
        "invalid_arguments",
    ),
    "an update of no view": ("views.update", {"view_id": "V0NONE", "view": MODAL}, "not_found"),
    "a modal as a home": ("views.publish", {"user_id": "U0ADA", "view": MODAL}, "invalid_arguments"),
    **{
        f"a home with {name}": (
            "views.publish",
            {"user_id": "U0ADA", "view": {"type": "home", "blocks": blocks}},
            "invalid_arguments",
        )
        for name, blocks in {
            "101 blocks": [{"type": "divider"}] * 101,
            "Markdown": [markdown("x")],
            "a long section": [section("x" * 3_001)],
            "a section that says nothing": [section("")],
            "a header in mrkdwn": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
            "a long label": [{"type": "actions", "elements": [button("x" * 76)]}],
            "two blocks of one name": [{"type": "actions", "block_id": "b", "elements": [button("x")]}] * 2,
        }.items()
    },
    "a home of 250 kB": (
        "views.publish",
        {"user_id": "U0ADA", "view": {"type": "home", "blocks": [section("x" * 3_000)] * 90}},
        "view_too_large",
    ),
    **{
        f"a modal with {name}": (
            "views.open",
            {
                "trigger_id": "x",
                "view": MODAL | {"blocks": [{"type": "input", "label": {"type": "plain_text", "text": "a"}, **field}]},
            },
            "invalid_arguments",
        )
        for name, field in {
            "a long first value": {"element": {"type": "plain_text_input", "initial_value": "x" * 3_001}},
            "an empty first value": {"element": {"type": "plain_text_input", "initial_value": ""}},
            "a choice of nothing": {"element": {"type": "static_select", "options": []}},
            "no field": {},
            "a long hint": {
                "element": {"type": "plain_text_input"},
                "hint": {"type": "plain_text", "text": "x" * 2_001},
            },
        }.items()
    },
    "a status of no thread": (
        "assistant.threads.setStatus",
        {"channel_id": "C0DEV", "thread_ts": "1.000100", "status": "thinks"},
        "thread_not_found",
    ),
    "a session in no known state": (
        "agents.sessions.setStatus",
        {"channel_id": "D0ADA", "status": "asleep"},
        "invalid_arguments",
    ),
    "five suggestions": (
        "assistant.threads.setSuggestedPrompts",
        {"channel_id": "D0ADA", "prompts": [{"title": "a", "message": "b"}] * 5},
        "invalid_arguments",
    ),
    "a suggestion that says nothing": (
        "assistant.threads.setSuggestedPrompts",
        {"channel_id": "D0ADA", "prompts": [{"title": "", "message": "b"}]},
        "invalid_arguments",
    ),
    "a method that is not": ("chat.sing", {}, "unknown_method"),
    "a bot's token for a socket": ("apps.connections.open", {}, "not_allowed_token_type"),
}


UP = {"text": {"type": "plain_text", "text": "Good"}, "value": "up"}
RATING: dict[str, Any] = {"type": "feedback_buttons", "action_id": "rate", "positive_button": UP, "negative_button": UP}
ILL_MADE: dict[str, list[dict[str, Any]]] = {
    "no element": [{"type": "actions", "elements": []}],
    "26 buttons": [{"type": "actions", "elements": [button("x", str(number)) for number in range(26)]}],
    "two of one name": [{"type": "actions", "elements": [button("x"), button("y")]}],
    "a long label": [{"type": "actions", "elements": [button("x" * 76)]}],
    "no label": [{"type": "actions", "elements": [button("")]}],
    "a label in Markdown": [{"type": "actions", "elements": [button("x", text={"type": "mrkdwn", "text": "x"})]}],
    "a long value": [{"type": "actions", "elements": [button("x", value="v" * 2_001)]}],
    "a long action_id": [{"type": "actions", "elements": [button("x", "a" * 256)]}],
    "a long block_id": [{"type": "actions", "block_id": "b" * 256, "elements": [button("x")]}],
    "two blocks of one name": [{"type": "actions", "block_id": "b", "elements": [button("x")]}] * 2,
    "a field of no button": [{"type": "actions", "elements": [button("x", disabled=True)]}],
    "an element of no known type": [{"type": "actions", "elements": [button("x", type="lever")]}],
    "a rating among buttons": [{"type": "actions", "elements": [RATING]}],
    "a button among ratings": [{"type": "context_actions", "elements": [button("x")]}],
    "a rating without its other half": [
        {
            "type": "context_actions",
            "elements": [{key: RATING[key] for key in ("type", "action_id", "positive_button")}],
        }
    ],
    "a rating without a value": [
        {"type": "context_actions", "elements": [RATING | {"positive_button": {"text": UP["text"]}}]}
    ],
    "six ratings": [{"type": "context_actions", "elements": [RATING | {"action_id": str(one)} for one in range(6)]}],
}


@pytest.mark.parametrize("blocks", ILL_MADE.values(), ids=ILL_MADE)
async def test_slack_refuses_buttons(sdk: AsyncWebClient, blocks: list[dict[str, Any]]) -> None:
    assert (await refusal(sdk, POST, {"channel": "C0DEV", "text": "x", "blocks": blocks}))["error"] == "invalid_blocks"


async def test_a_workspace_refuses_kinds_of_blocks_that_it_has_not(slack: SlackFake, sdk: AsyncWebClient) -> None:
    said = {"channel": "C0DEV", "text": "x", "blocks": [{"type": "context_actions", "elements": [RATING]}]}
    await sdk.api_call(POST, json=said)
    slack.world.unknown_blocks = {"context_actions"}

    assert (await refusal(sdk, POST, said))["error"] == "invalid_blocks"


@pytest.mark.parametrize(("method", "arguments", "error"), REFUSED.values(), ids=REFUSED)
async def test_slack_refuses(sdk: AsyncWebClient, method: str, arguments: dict[str, Any], error: str) -> None:
    assert (await refusal(sdk, method, arguments))["error"] == error


ONE_REACHES = {
    "text of 40,000": {"text": "x" * 40_000},
    "markdown of 12,000": {"markdown_text": "x" * 12_000},
    "fifty blocks": {"blocks": [section("x")] * 50, "text": "x"},
    "a fence with blank lines is one block": {"blocks": [markdown("```\n" + "x\n\n" * 60 + "```")], "text": "x"},
    "buttons and a rating": {
        "blocks": [
            section("x"),
            {"type": "actions", "elements": [button("x", style="danger"), button("y", "other")]},
            {"type": "context_actions", "block_id": "b", "elements": [RATING]},
        ],
        "text": "x",
    },
    "a form, lists in JSON": {"blocks": json.dumps([section("x")]), "text": "x"},
    "metadata": {"text": "x", "metadata": EVENT},
    "what Bolt adds": {"text": "x", "team_id": "T024"},
}


@pytest.mark.parametrize("arguments", ONE_REACHES.values(), ids=ONE_REACHES)
@pytest.mark.parametrize("body", ["json", "data"])
async def test_slack_takes(sdk: AsyncWebClient, body: str, arguments: dict[str, Any]) -> None:
    packed = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
    sent: Any = {body: {"channel": "C0DEV", **(arguments if body == "json" else packed)}}
    answer = (await sdk.api_call(POST, **sent)).data

    assert (answer["ok"], "warning" in answer) == (True, False)


TOKENS = {
    "": "not_authed",
    "xoxb-other": "invalid_auth",
    "xapp-test-A0APP": "not_allowed_token_type",
}


@pytest.mark.parametrize(("token", "error"), TOKENS.items(), ids=TOKENS.values())
async def test_only_the_right_token_opens(slack: SlackFake, token: str, error: str) -> None:
    stranger = AsyncWebClient(token, base_url=slack.base_url)

    assert (await refusal(stranger, POST, {"channel": "C0DEV", "text": "x"}))["error"] == error


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive"])
async def test_a_token_can_lose_its_rights(slack: SlackFake, sdk: AsyncWebClient, error: str) -> None:
    await sdk.auth_test()
    slack.refuse(slack.token, error)

    assert (await refusal(sdk, "auth.test", {}))["error"] == error


SCOPED = {
    "chat.postMessage": ({"channel": "C0DEV", "text": "x"}, "chat:write"),
    "conversations.history": ({"channel": "G0SEC"}, "groups:history"),
    "conversations.info": ({"channel": "D0ADA"}, "im:read"),
    "users.info": ({"user": "U0ADA"}, "users:read"),
    "files.getUploadURLExternal": ({"filename": "a.txt", "length": 1}, "files:write"),
    "reactions.add": ({"channel": "C0DEV", "name": "eyes", "timestamp": "1.0"}, "reactions:write"),
}


@pytest.mark.parametrize(("method", "wanted"), SCOPED.items(), ids=SCOPED)
async def test_a_missing_scope_is_named(method: str, wanted: tuple[dict[str, Any], str]) -> None:
    async with SlackFake(Clock(), scopes=SCOPES - {wanted[1]}) as slack:
        answer = await refusal(AsyncWebClient(slack.token, base_url=slack.base_url), method, wanted[0])

        assert answer == {
            "ok": False,
            "error": "missing_scope",
            "needed": wanted[1],
            "provided": ",".join(sorted(SCOPES - {wanted[1]})),
        }
