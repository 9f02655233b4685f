"""The fake Slack's Web API refuses, keeps and shows as Slack does."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.app import EVENT, MODAL, markdown, refusal, section
from tests.fakes.slack.nouns import Clock, File, Ping, Shown
from tests.fakes.slack.server import SlackFake

POST = "chat.postMessage"


async def test_text_beyond_forty_thousand_is_cut_with_a_warning(sdk: AsyncWebClient) -> None:
    answer = await sdk.chat_postMessage(channel="C0DEV", text="x" * 40_001)

    assert (len(answer["message"]["text"]), answer["warning"]) == (40_000, "message_truncated")


async def test_an_update_refuses_text_that_a_post_takes(sdk: AsyncWebClient) -> None:
    posted = await sdk.chat_postMessage(channel="C0DEV", text="x" * 4_001)

    changed = {"channel": "C0DEV", "ts": posted["ts"], "text": "x" * 4_001}

    assert (await refusal(sdk, "chat.update", changed))["error"] == "msg_too_long"


@pytest.mark.parametrize(
    ("method", "error"), [("chat.update", "cant_update_message"), ("chat.delete", "cant_delete_message")]
)
async def test_only_its_author_changes_a_message(
    slack: SlackFake, sdk: AsyncWebClient, method: str, error: str
) -> None:
    ts = await slack.say("ada", "dev", "mine")

    arguments = {"channel": "C0DEV", "ts": ts} | ({"text": "yours"} if method == "chat.update" else {})

    assert (await refusal(sdk, method, arguments))["error"] == error


async def test_metadata_is_given_only_to_those_who_ask_for_all_of_it(sdk: AsyncWebClient) -> None:
    posted = await sdk.chat_postMessage(channel="C0DEV", text="x", metadata=EVENT)
    await sdk.chat_update(channel="C0DEV", ts=posted["ts"], text="y")
    asked = [
        await sdk.conversations_replies(channel="C0DEV", ts=posted["ts"], include_all_metadata=all_of_it)
        for all_of_it in (True, False)
    ]

    assert [page["messages"][0].get("metadata") for page in asked] == [EVENT, None]


async def test_an_update_with_text_alone_removes_the_blocks(slack: SlackFake, sdk: AsyncWebClient) -> None:
    posted = await sdk.chat_postMessage(channel="C0DEV", text="fallback", blocks=[markdown("**shown**")])
    before = slack.visible("dev")
    await sdk.chat_update(channel="C0DEV", ts=posted["ts"], text="1 &lt; 2")

    assert [before[0].text, slack.visible("dev")[0].text] == ["**shown**", "1 < 2"]


async def test_markdown_comes_back_expanded(sdk: AsyncWebClient) -> None:
    text = "# Head\n\nwords\n\n| a | b |\n|---|---|\n\n```\ncode\n\nmore\n```"
    posted = await sdk.chat_postMessage(channel="C0DEV", markdown_text=text)

    assert [block["type"] for block in posted["message"]["blocks"]] == ["header", "rich_text", "table", "rich_text"]


async def test_every_ping_is_written_down(slack: SlackFake, sdk: AsyncWebClient) -> None:
    await sdk.chat_postMessage(channel="C0DEV", text="&lt;!channel&gt; mail@here.org")
    assert slack.pings == []
    await sdk.chat_postMessage(channel="C0DEV", text="<!channel> @here")
    await sdk.chat_postMessage(channel="C0DEV", text="x", blocks=[markdown("<@U0BOB>")])

    assert [ping.what for ping in slack.pings] == ["<!channel>", "@here", "<@U0BOB>"]
    assert slack.pings[0] == Ping("<!channel>", "C0DEV", "<!channel> @here [] []")


async def test_links_unfurl_unless_told_otherwise(slack: SlackFake, sdk: AsyncWebClient) -> None:
    loud = await sdk.chat_postMessage(channel="C0DEV", text="x", unfurl_links=False)
    quiet = await sdk.chat_postMessage(channel="C0DEV", text="x", unfurl_links=False, unfurl_media=False)

    assert [slack.world.posts["C0DEV", each["ts"]].unfurl for each in (loud, quiet)] == [True, False]


async def test_a_whisper_is_seen_by_one_and_never_in_history(slack: SlackFake, sdk: AsyncWebClient) -> None:
    await sdk.chat_postEphemeral(channel="C0DEV", user="U0ADA", text="psst")
    history = await sdk.conversations_history(channel="C0DEV")

    assert [[shown.text for shown in slack.visible("dev", who)] for who in ("ada", "bob")] == [["psst"], []]
    assert history["messages"] == []


async def test_a_root_with_replies_leaves_a_tombstone(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "dev", "root")
    await slack.say("bob", "dev", "reply", root)
    await slack.delete("ada", "dev", root)
    thread = await sdk.conversations_replies(channel="C0DEV", ts=root)

    assert [each.get("subtype") for each in thread["messages"]] == ["tombstone", None]


@pytest.mark.parametrize(("repeated", "sizes"), [(True, [3, 3, 2]), (False, [3, 2])], ids=["repeated", "once"])
async def test_a_thread_comes_in_pages(slack: SlackFake, sdk: AsyncWebClient, repeated: bool, sizes: list[int]) -> None:
    slack.world.parent_on_every_page = repeated
    root = await slack.say("ada", "dev", "root")
    said = [root] + [await slack.say("bob", "dev", str(number), root) for number in range(4 + repeated)]

    pages = [page["messages"] async for page in await sdk.conversations_replies(channel="C0DEV", ts=root, limit=3)]
    read = [message["ts"] for page in pages for message in page]

    assert sorted(set(read)) == said
    assert ([len(page) for page in pages], read.count(root)) == (sizes, len(sizes) if repeated else 1)


async def test_history_is_read_backwards_between_two_marks(slack: SlackFake, sdk: AsyncWebClient) -> None:
    said = [await slack.say("ada", "dev", str(number)) for number in range(5)]
    await slack.say("ada", "dev", "in a thread", said[1])

    between = await sdk.conversations_history(channel="C0DEV", oldest=said[1], latest=said[3])
    inclusive = await sdk.conversations_history(channel="C0DEV", oldest=said[1], latest=said[3], inclusive=True)

    assert [message["ts"] for message in between["messages"]] == [said[2]]
    assert [message["ts"] for message in inclusive["messages"]] == [said[3], said[2], said[1]]


async def test_people_are_listed_in_pages(sdk: AsyncWebClient) -> None:
    pages = [len(page["members"]) async for page in await sdk.users_list(limit=4)]

    assert pages == [4, 2]


async def test_people_say_what_they_may(sdk: AsyncWebClient) -> None:
    facts = ("is_admin", "is_owner", "is_restricted", "is_stranger", "is_bot")
    people = [(await sdk.users_info(user=user))["user"] for user in ("U0ADA", "U0EVE", "U0EXT", "U0BOT")]

    assert [[name for name in facts if person[name]] for person in people] == [
        ["is_admin", "is_owner"],
        ["is_restricted"],
        ["is_stranger"],
        ["is_bot"],
    ]


async def test_a_conversation_is_opened_once(sdk: AsyncWebClient) -> None:
    opened = [(await sdk.conversations_open(users="U0CY"))["channel"]["id"] for _ in range(2)]
    known = (await sdk.conversations_open(users="U0ADA"))["channel"]

    assert (opened[0], known["id"], known["user"]) == (opened[1], "D0ADA", "U0ADA")


async def test_reactions_are_kept(slack: SlackFake, sdk: AsyncWebClient) -> None:
    ts = await slack.say("ada", "dev", "x")
    mark = {"channel": "C0DEV", "name": "eyes", "timestamp": ts}
    await sdk.reactions_add(**mark)
    again = await refusal(sdk, "reactions.add", mark)
    read = (await sdk.conversations_history(channel="C0DEV"))["messages"][0]["reactions"]
    await sdk.reactions_remove(**mark)

    assert (again["error"], read) == ("already_reacted", [{"name": "eyes", "users": ["U0BOT"], "count": 1}])
    assert (await refusal(sdk, "reactions.remove", mark))["error"] == "no_reaction"


async def test_a_status_goes_away_with_the_reply(slack: SlackFake, sdk: AsyncWebClient) -> None:
    ts = await slack.say("ada", "dev", "x")
    told = {"channel_id": "C0DEV", "thread_ts": ts, "status": "thinks", "loading_messages": ["a"] * 10}
    await sdk.api_call("assistant.threads.setStatus", json=told)
    before = dict(slack.world.statuses)
    await sdk.chat_postMessage(channel="C0DEV", thread_ts=ts, text="y")

    assert (before, slack.world.statuses) == ({("C0DEV", ts): "thinks"}, {})
    told["loading_messages"] = ["a"] * 11
    assert (await refusal(sdk, "assistant.threads.setStatus", told))["error"] == "invalid_arguments"


async def test_a_session_without_its_event_has_no_stop_button(slack: SlackFake, sdk: AsyncWebClient) -> None:
    async with SlackFake(Clock(), events=frozenset()) as deaf:
        other = AsyncWebClient(deaf.token, base_url=deaf.base_url)
        asked: dict[str, Any] = {"channel_id": "D0ADA", "status": "processing"}
        answers = [await each.agents_sessions_setStatus(**asked) for each in (sdk, other)]

    assert [answer.get("warning") for answer in answers] == [
        None,
        "missing_agent_session_stopped_event_subscription",
    ]


async def test_a_file_goes_up_and_comes_down(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "dev", "x")
    await sdk.files_upload_v2(
        channel="C0DEV", thread_ts=root, content="a,b", filename="table.csv", initial_comment="Here"
    )
    posted = (await sdk.conversations_replies(channel="C0DEV", ts=root))["messages"][1]
    known = (await sdk.files_info(file=posted["files"][0]["id"]))["file"]

    assert (posted["text"], known["name"], known["size"]) == ("Here", "table.csv", 3)
    assert await fetched(known["url_private"], slack.token) == ("text/csv", b"a,b")


async def fetched(url: str, token: str) -> tuple[str, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200
        return answer.content_type, await answer.read()


@pytest.mark.parametrize("token", ["", "xoxb-other"])
async def test_a_file_without_the_token_is_a_login_page(slack: SlackFake, sdk: AsyncWebClient, token: str) -> None:
    ts = await slack.say("ada", "dev", "x", files=[File("", "a.png", "image/png", b"png", "")])
    url = (await sdk.conversations_history(channel="C0DEV", latest=ts, inclusive=True))["messages"][0]["files"][0]

    kind, body = await fetched(url["url_private"], token)

    assert (kind, b"Sign in" in body) == ("text/html", True)


async def test_a_file_of_another_team_must_be_asked_for(slack: SlackFake, sdk: AsyncWebClient) -> None:
    sent = File("", "a.png", "image/png", b"png", "", access="check_file_info")
    await slack.say("xan", "shared", "x", files=[sent])
    told = (await sdk.conversations_history(channel="C0EXT"))["messages"][0]["files"][0]
    known = (await sdk.files_info(file=told["id"]))["file"]

    assert (told["file_access"], "url_private" in told, known["name"]) == ("check_file_info", False, "a.png")


async def test_a_trigger_opens_one_modal_within_three_seconds() -> None:
    slack_clock = Clock()
    async with SlackFake(slack_clock) as slack:
        sdk = AsyncWebClient(slack.token, base_url=slack.base_url)
        triggers = [slack.trigger(slack.person("ada")) for _ in range(2)]
        opened = (await sdk.views_open(trigger_id=triggers[0], view=MODAL))["view"]
        used = await refusal(sdk, "views.open", {"trigger_id": triggers[0], "view": MODAL})
        stale = {"view_id": opened["id"], "view": MODAL, "hash": "old"}
        conflict = await refusal(sdk, "views.update", stale)
        await sdk.views_update(view_id=opened["id"], view=MODAL, hash=opened["hash"])
        slack_clock.advance(3.1)
        late = await refusal(sdk, "views.open", {"trigger_id": triggers[1], "view": MODAL})

    assert [each["error"] for each in (used, conflict, late)] == [
        "exchanged_trigger_id",
        "hash_conflict",
        "expired_trigger_id",
    ]


async def test_a_home_is_shown_to_one_person(slack: SlackFake, sdk: AsyncWebClient) -> None:
    await sdk.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [section("Hello")]})

    assert {user: view.payload["blocks"] for user, view in slack.world.homes.items()} == {"U0ADA": [section("Hello")]}


async def test_calls_are_written_down(slack: SlackFake, sdk: AsyncWebClient) -> None:
    await sdk.chat_postMessage(channel="C0DEV", text="x")

    assert slack.called(POST) == [{"channel": "C0DEV", "text": "x"}]
    assert [(call.index, call.method, call.token) for call in slack.calls] == [(0, POST, slack.token)]


async def test_a_thread_is_read_as_people_see_it(slack: SlackFake, sdk: AsyncWebClient) -> None:
    root = await slack.say("ada", "dev", "1 < 2")
    posted = await sdk.chat_postMessage(channel="C0DEV", thread_ts=root, markdown_text="*yes*", metadata=EVENT)

    assert slack.thread("dev", root) == [
        Shown("U0ADA", "1 < 2", root),
        Shown("U0BOT", "*yes*", posted["ts"], EVENT),
    ]
