"""The fake Slack tells an unmodified Bolt app what happens, and what people do with its commands and modals."""

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.fakes.slack.app import button, connected, listening, section, served
from tests.fakes.slack.events import SUBSCRIBED
from tests.fakes.slack.nouns import Clock, File
from tests.fakes.slack.server import SlackFake

MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "persona",
    "title": {"type": "plain_text", "text": "Persona"},
    "submit": {"type": "plain_text", "text": "Keep"},
    "blocks": [
        {
            "type": "input",
            "block_id": "words",
            "label": {"type": "plain_text", "text": "Words"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}
STOP = {"type": "actions", "elements": [button("Stop", "stop", "all")]}
RATING = {
    "type": "context_actions",
    "elements": [
        {
            "type": "feedback_buttons",
            "action_id": "rating",
            "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "up"},
            "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "down"},
        }
    ],
}


async def test_a_mention_in_a_channel_is_told_twice(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        ts = await slack.say("ada", "dev", "<@U0BOT> is 1 < 2? https://a.b/?c&d")
        await slack.settled()

    assert [(event["type"], event["ts"], event["channel"]) for event in heard] == [
        ("message", ts, "C0DEV"),
        ("app_mention", ts, "C0DEV"),
    ]
    assert heard[0]["text"] == "<@U0BOT> is 1 &lt; 2? <https://a.b/?c&amp;d>"
    assert len(set(slack.outbox.sent)) == 2


PLACES = {
    "a direct message": ("ada", "D0ADA", [("message", "im")]),
    "a group message": ("ada", "G0MPIM", [("message", "mpim")]),
    "a private channel": ("bob", "G0SEC", [("message", "group"), ("app_mention", None)]),
    "a channel it is not in": ("ada", "C0OUT", []),
}


@pytest.mark.parametrize(("who", "where", "told"), PLACES.values(), ids=PLACES)
async def test_a_place_decides_what_is_told(
    slack: SlackFake, who: str, where: str, told: list[tuple[str, str | None]]
) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        await slack.say(who, where, "<@U0BOT>")
        await slack.settled()

    assert [(event["type"], event.get("channel_type")) for event in heard] == told


async def test_edits_deletions_and_previews_are_told_as_changes(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        ts = await slack.say("ada", "dev", "one")
        await slack.edit("ada", "dev", ts, "two")
        await slack.unfurl("dev", ts, {"title": "A page"})
        await slack.delete("ada", "dev", ts)
        await slack.settled()

    assert [event.get("subtype") for event in heard] == [None, "message_changed", "message_changed", "message_deleted"]
    changed, gone = heard[1], heard[3]
    assert (changed["message"]["text"], changed["previous_message"]["text"]) == ("two", "one")
    assert changed["message"]["edited"]["user"] == "U0ADA"
    assert (gone["deleted_ts"], gone["previous_message"]["text"]) == (ts, "two")


async def test_an_edited_mention_is_told_as_one_again(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        ts = await slack.say("ada", "dev", "<@U0BOT> one")
        await slack.edit("ada", "dev", ts, "<@U0BOT> two")
        await slack.settled()

    assert ["edited" in event for event in heard.of("app_mention")] == [False, True]


async def test_replies_files_and_broadcasts_say_so(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        root = await slack.say("ada", "dev", "root")
        await slack.say("bob", "dev", "reply", root)
        await slack.say("bob", "dev", "loud reply", root, broadcast=True)
        await slack.say("bob", "dev", "<@U0BOT>", root, files=[File("", "a.png", "image/png", b"png", "")])
        await slack.settled()

    assert [(each.get("subtype"), each.get("thread_ts"), each.get("parent_user_id")) for each in heard] == [
        (None, None, None),
        (None, root, "U0ADA"),
        ("thread_broadcast", root, "U0ADA"),
        ("file_share", root, "U0ADA"),
        (None, root, "U0ADA"),
    ]
    assert [len(each.get("files", [])) for each in heard] == [0, 0, 0, 1, 0]


async def test_the_apps_own_messages_come_back_to_it(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        posted = await app.client.chat_postMessage(channel="C0DEV", text="one")
        await app.client.chat_update(channel="C0DEV", ts=posted["ts"], text="two")
        await slack.settled()

    assert [(each.get("subtype"), each.get("bot_id")) for each in heard] == [(None, "B0BOT"), ("message_changed", None)]
    assert heard[1]["message"]["bot_id"] == "B0BOT"


async def test_a_shared_channel_names_both_sides(slack: SlackFake) -> None:
    app, heard = listening(slack)
    async with connected(slack, app):
        await slack.say("xan", "shared", "hello")
        await slack.settled()
    outer = next(iter(slack.outbox.sent.values())).payload

    assert (heard[0]["user_team"], outer["team_id"], outer["is_ext_shared_channel"]) == ("T0EXT", "T024", True)


async def test_only_what_was_subscribed_to_is_told() -> None:
    async with SlackFake(events=SUBSCRIBED - {"app_home_opened", "message.im"}) as slack:
        await slack.open_home("ada")
        await slack.say("ada", "D0ADA", "hello")
        await slack.archive("ada", "dev")
        await slack.join("eve", "dev")

        assert [each.payload["event"]["type"] for each in slack.outbox.sent.values()] == ["member_joined_channel"]


def personas(app: AsyncApp) -> list[Any]:
    """Let `/confab` open a modal, and keep what is submitted in it."""
    kept: list[Any] = []

    @app.command("/confab")
    async def open_modal(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack(f"Heard {body['text']}")
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("persona")
    async def keep(ack: Any, view: dict[str, Any]) -> None:
        words = view["state"]["values"]["words"]["text"]["value"]
        kept.append(words)
        await (ack() if words else ack(response_action="errors", errors={"words": "Say something"}))

    @app.action("stop")
    async def stop(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        kept.append((body["actions"][0]["value"], body["message"]["ts"]))
        await respond("Stopped", replace_original=True)

    return kept


@pytest.mark.parametrize("way", [connected, served], ids=["socket", "http"])
async def test_a_command_opens_a_modal_that_is_submitted(slack: SlackFake, way: Any) -> None:
    app, _ = listening(slack)
    kept = personas(app)
    async with way(slack, app):
        command = await slack.command("ada", "dev", "/confab", "persona set")
        said = await slack.acked(command)
        await slack.until(lambda: slack.world.views)
        (view,) = slack.world.views
        answers = [
            await slack.acked(await slack.submit_view("ada", view, {"words": {"text": {"value": words}}}))
            for words in ("", "Be brief")
        ]

    assert (said, kept, slack.world.views) == ({"text": "Heard persona set"}, ["", "Be brief"], {})
    assert answers == [{"response_action": "errors", "errors": {"words": "Say something"}}, {}]
    assert [(shown.user, shown.text) for shown in slack.visible("dev", "ada")] == [("ephemeral", "Heard persona set")]


async def test_a_pressed_button_can_replace_its_message(slack: SlackFake) -> None:
    app, _ = listening(slack)
    kept = personas(app)
    async with connected(slack, app):
        ts = (await app.client.chat_postMessage(channel="C0DEV", text="Working", blocks=[section("Working"), STOP]))[
            "ts"
        ]
        before = slack.buttons("dev", ts)
        await slack.acked(await slack.press("ada", "dev", ts, "Stop"))
        await slack.until(lambda: slack.visible("dev")[0].text == "Stopped")

    assert (kept, before, slack.buttons("dev", ts)) == ([("all", ts)], ["Stop"], [])
    with pytest.raises(ValueError, match="not enough values"):
        await slack.press("ada", "dev", ts, "Stop")


async def test_a_rating_says_which_of_its_two_buttons_it_was(slack: SlackFake) -> None:
    app, _ = listening(slack)
    rated: list[dict[str, Any]] = []

    @app.action("rating")
    async def rate(ack: Any, action: dict[str, Any]) -> None:
        await ack()
        rated.append(action)

    async with connected(slack, app):
        ts = (await app.client.chat_postMessage(channel="C0DEV", text="Done", blocks=[section("Done"), RATING]))["ts"]
        await slack.acked(await slack.press("ada", "dev", ts, "Bad"))

    kinds = [(one["type"], one["action_id"], one["value"], one["text"]["text"]) for one in rated]
    assert kinds == [("feedback_buttons", "rating", "down", "Bad")]
    assert (slack.buttons("dev", ts), slack.visible("dev")[0].text) == (["Good", "Bad"], "Done")


async def test_a_command_that_nobody_acknowledges_is_lost(slack: SlackFake) -> None:
    app, _ = listening(slack)
    async with connected(slack, app):
        key = await slack.command("ada", "dev", "/other")
        await slack.say("ada", "dev", "hello")
        await slack.until(lambda: slack.unacked == [key])
        slack.outbox.expire()

    assert (slack.outbox.lost, [ack.id for ack in slack.outbox.acks if ack.id == key]) == ([key], [])


async def test_a_response_url_works_five_times(slack: SlackFake) -> None:
    url = slack.response_url(slack.place("dev"), slack.person("ada"))
    hook = AsyncWebhookClient(url)
    statuses = [(await hook.send(text=str(number))).status_code for number in range(6)]

    assert statuses == [200] * 5 + [404]
    assert [shown.text for shown in slack.visible("dev", "ada")] == ["0", "1", "2", "3", "4"]


async def test_a_response_url_works_for_half_an_hour() -> None:
    clock = Clock()
    async with SlackFake(clock) as slack:
        hook = AsyncWebhookClient(slack.response_url(slack.place("dev"), slack.person("ada")))
        clock.advance(1_801)

        assert (await hook.send(text="late")).body == '{"ok": false, "error": "expired_url"}'


async def test_a_response_url_replaces_and_deletes_what_it_said(slack: SlackFake) -> None:
    hook = AsyncWebhookClient(slack.response_url(slack.place("dev"), slack.person("ada")))
    seen = []
    for body in ({"text": "a"}, {"text": "b", "replace_original": True}, {"delete_original": True}):
        await hook.send_dict(body)
        seen.append([shown.text for shown in slack.visible("dev", "ada")])
    await hook.send(text="all", response_type="in_channel")

    assert (seen, [shown.text for shown in slack.visible("dev", "bob")]) == ([["a"], ["b"], []], ["all"])


async def test_time_stands_still_until_it_is_advanced() -> None:
    clock = Clock()
    async with SlackFake(clock) as slack:
        first = await slack.say("ada", "dev", "one")
        second = await slack.say("ada", "dev", "two")
        clock.advance(60)
        third = await slack.say("ada", "dev", "three")

    assert [first, second, third] == ["1700000000.000100", "1700000000.000200", "1700000060.000100"]
