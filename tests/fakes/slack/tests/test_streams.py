"""The fake Slack's streamed messages run into the walls that Slack's do."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.nouns import Clock, Shown
from tests.fakes.slack.server import SlackFake

TO_ADA = {"recipient_team_id": "T024", "recipient_user_id": "U0ADA"}
EVENT = {"event_type": "answer", "event_payload": {"question": "1"}}


async def refused(sdk: AsyncWebClient, method: str, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await sdk.api_call(method, json=arguments)
    return caught.value.response["error"]


async def test_the_sdks_stream_writes_one_message(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    stream = await sdk.chat_stream(channel="D0ADA", thread_ts=root, buffer_size=1)
    await stream.append(markdown_text="Hel")
    await stream.append(markdown_text="lo, **Ada**")
    ended = await stream.stop(metadata=EVENT)

    assert slack.thread("D0ADA", root)[1:] == [Shown("U0BOT", "Hello, **Ada**", ended["ts"], EVENT)]
    assert ended["message"]["streaming_state"] == "completed"


STARTS = {
    "to no team": ({"recipient_user_id": "U0ADA"}, "missing_recipient_team_id"),
    "to nobody": ({"recipient_team_id": "T024"}, "missing_recipient_user_id"),
    "to somebody unknown": ({"recipient_team_id": "T024", "recipient_user_id": "U0NONE"}, "user_not_found"),
    "to a stranger": ({"recipient_team_id": "T024", "recipient_user_id": "U0EXT"}, "user_not_found"),
    "with metadata": (TO_ADA | {"metadata": EVENT}, "invalid_arguments"),
    "with a chunk of no known type": (TO_ADA | {"chunks": [{"type": "dance"}]}, "invalid_chunks"),
    "with a long task": (
        TO_ADA | {"chunks": [{"type": "task_update", "id": "1", "title": "x" * 257}]},
        "invalid_chunks",
    ),
    "too long at once": (TO_ADA | {"markdown_text": "x" * 12_001}, "msg_too_long"),
    "outside a thread": (TO_ADA | {"thread_ts": ""}, "invalid_arguments"),
}


@pytest.mark.parametrize(("arguments", "error"), STARTS.values(), ids=STARTS)
async def test_a_channel_takes_no_stream(
    slack: SlackFake, sdk: AsyncWebClient, arguments: dict[str, Any], error: str
) -> None:
    root = await slack.say("ada", "dev", "hello")
    place = {"channel": "C0DEV", "thread_ts": root}

    assert await refused(sdk, "chat.startStream", **place | arguments) == error


async def test_a_stream_is_over_after_five_minutes(slack: SlackFake, sdk: AsyncWebClient, slack_clock: Clock) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    started = await sdk.chat_startStream(channel="D0ADA", thread_ts=root, markdown_text="a")
    place = {"channel": "D0ADA", "ts": started["ts"]}
    slack_clock.advance(299)
    await sdk.chat_appendStream(**place, markdown_text="b")
    slack_clock.advance(1)

    errors = [await refused(sdk, f"chat.{how}Stream", **place, markdown_text="c") for how in ("append", "stop")]

    assert errors == ["message_not_in_streaming_state"] * 2
    await sdk.chat_update(**place, text="done")
    assert slack.thread("D0ADA", root)[1].text == "done"


async def test_an_open_stream_takes_no_update_and_is_not_deleted(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    started = await sdk.chat_startStream(channel="D0ADA", thread_ts=root)
    place = {"channel": "D0ADA", "ts": started["ts"]}

    assert started.data == {"ok": True, **place}
    assert await refused(sdk, "chat.update", **place, text="x") == "streaming_state_conflict"
    assert await refused(sdk, "chat.delete", **place) == "cant_delete_message"
    await sdk.chat_stopStream(**place)
    await sdk.chat_delete(**place)


async def test_a_workspace_may_take_no_streams_in_some_conversations(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    slack.world.unstreamed.add("im")

    place = {"channel": "D0ADA", "thread_ts": root}
    assert await refused(sdk, "chat.startStream", **place) == "channel_type_not_supported"


async def test_a_stream_for_somebody_else_s_eyes_is_refused_in_a_direct_conversation_too(
    slack: SlackFake, sdk: AsyncWebClient
) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    place = {"channel": "D0ADA", "thread_ts": root}

    to_stranger = {"recipient_team_id": "T024", "recipient_user_id": "U0EXT"}
    assert await refused(sdk, "chat.startStream", **place, **to_stranger) == "user_not_found"


async def test_a_stream_holds_twelve_thousand_characters_together(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    started = await sdk.chat_startStream(channel="D0ADA", thread_ts=root, markdown_text="x" * 11_999)
    place = {"channel": "D0ADA", "ts": started["ts"]}
    await sdk.chat_appendStream(**place, markdown_text="y")

    assert await refused(sdk, "chat.appendStream", **place, markdown_text="z") == "msg_too_long"
    assert await refused(sdk, "chat.appendStream", **place) == "markdown_text_or_chunks_required"


async def test_a_stream_holds_fifty_blocks(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    started = await sdk.chat_startStream(channel="D0ADA", thread_ts=root, markdown_text="x\n\n" * 49 + "x")
    place = {"channel": "D0ADA", "ts": started["ts"]}

    assert await refused(sdk, "chat.appendStream", **place, markdown_text="y\n\nz") == "msg_blocks_too_many"


async def test_a_stream_takes_its_text_in_one_way(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    started = await sdk.chat_startStream(channel="D0ADA", thread_ts=root, markdown_text="a")
    place = {"channel": "D0ADA", "ts": started["ts"]}
    chunks = [{"type": "markdown_text", "text": "b"}]
    both = await refused(sdk, "chat.appendStream", **place, markdown_text="b", chunks=chunks)

    assert both == "cannot_provide_both_markdown_text_and_chunks"
    assert await refused(sdk, "chat.appendStream", **place, chunks=chunks) == "streaming_mode_mismatch"


async def test_spaces_are_lost_where_two_texts_meet(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    started = await sdk.chat_startStream(channel="D0ADA", thread_ts=root, markdown_text="a")
    await sdk.chat_appendStream(channel="D0ADA", ts=started["ts"], markdown_text="\n\nb")

    assert slack.thread("D0ADA", root)[1].text == "ab"


async def test_whom_a_stream_notifies_is_read_of_what_is_added_and_of_all_of_it(
    slack: SlackFake, sdk: AsyncWebClient
) -> None:
    seen = []
    for first, more in (("`a", " @here`"), ("@her", "e"), ("`a", "b`")):
        root = await slack.say("ada", "D0ADA", "hello")
        started = await sdk.chat_startStream(channel="D0ADA", thread_ts=root, markdown_text=first)
        await sdk.chat_appendStream(channel="D0ADA", ts=started["ts"], markdown_text=more)
        seen.append([ping.what for ping in slack.pings])
        slack.pings.clear()

    assert seen == [["@here"], ["@here"], []]


async def test_in_a_channel_only_its_recipient_sees_a_stream_grow(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "dev", "hello")
    started = await sdk.chat_startStream(channel="C0DEV", thread_ts=root, markdown_text="a", **TO_ADA)
    place = {"channel": "C0DEV", "ts": started["ts"]}
    seen = []
    for how in ("append", "stop"):
        await sdk.api_call(f"chat.{how}Stream", json={**place, "markdown_text": "b"})
        seen.append([slack.visible("dev", who)[-1].text for who in ("ada", "bob")])

    assert seen == [["ab", "a"], ["abb", "abb"]]


async def test_pressing_stop_ends_the_streams_of_the_thread(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "D0ADA", "hello")
    started = await sdk.chat_startStream(channel="D0ADA", thread_ts=root, markdown_text="a")
    await slack.stop("ada", "D0ADA", root)
    told = [each.payload["event"] for each in slack.outbox.sent.values()]

    assert [event for event in told if event["type"] == "agent_session_stopped"] == [
        {
            "event_ts": told[-1]["event_ts"],
            "type": "agent_session_stopped",
            "channel": "D0ADA",
            "thread_ts": root,
            "user": "U0ADA",
            "streaming_message_ts": [started["ts"]],
        }
    ]
    place = {"channel": "D0ADA", "ts": started["ts"]}
    assert await refused(sdk, "chat.stopStream", **place) == "message_not_in_streaming_state"
    assert await refused(sdk, "chat.appendStream", **place, markdown_text="b") == "stopped_by_user"
    assert slack.world.sessions["D0ADA", root] == "processing"
