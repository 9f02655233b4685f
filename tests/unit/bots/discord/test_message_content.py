"""What people see of a Discord message is what is read of it. Tests bots.discord.message_content."""

import json
import time
from pathlib import Path

import pytest

from bots.discord import parse as read
from bots.discord.formatting import build_buttons
from bots.discord.parse import DIRECT, BotIdentity, ChannelPlace, ForumPost
from core.domain.controls import Control
from core.domain.messages import Asks, Quote, QuoteKind

SAMPLES = Path(__file__).parents[3] / "payloads" / "discord"
NAMES = {"81383": "dev"}
US = BotIdentity("4343", frozenset({"813803"}), NAMES.get)
CHANNEL = ChannelPlace("discord:8138", "81382", "81382")
DM = ChannelPlace(DIRECT, "9001", "9001", whole=True)
PERSON = {"id": "7001", "username": "ada", "global_name": "Ada"}
BUILD = {"id": "7901", "username": "build", "bot": True}


def payload(author=PERSON, **parts) -> dict:
    return {**json.loads((SAMPLES / "message.json").read_text()), "content": "", "author": author, **parts}


ALERT = {
    "type": "rich",
    "author": {"name": "Grafana"},
    "title": "Disk full",
    "description": "at 98 % in <#81383>",
    "fields": [{"name": "Host", "value": "db-1"}, None],
    "footer": {"text": "v11"},
}
ALERT_SAID = "Grafana\nDisk full\nat 98 % in #dev\nHost: db-1\nv11"
ENDED = {
    "type": "poll_result",
    "fields": [
        {"name": "poll_question_text", "value": "Tea or coffee?"},
        {"name": "victor_answer_text", "value": "Tea"},
        {"name": "victor_answer_emoji_name", "value": "leaf"},
        {"name": "victor_answer_votes", "value": "3"},
        {"name": "total_votes", "value": "4"},
    ],
}
LAYOUT = {
    "type": 17,
    "components": [
        {"type": 10, "content": "# Deploy"},
        {
            "type": 9,
            "components": [{"type": 10, "content": "to prod"}],
            "accessory": {"type": 2, "label": "Open"},
        },
        {"type": 12, "items": [{"media": {"url": "x"}, "description": "a graph"}]},
        {"type": 14},
        {"type": 1, "components": [{"type": 3, "placeholder": "Choose one"}, {"type": 2, "emoji": {"name": "x"}}]},
        {"type": 99, "content": 3, "components": None},
    ],
}
LAYOUT_SAID = "# Deploy\nto prod\n(Open)\na graph\n(Choose one)"
MENU = {"type": 3, "placeholder": "Pick", "options": [*({"label": f"c{n}", "value": "x"} for n in range(12)), None]}
PICTURE = {"id": "1", "filename": "a.png", "size": 3, "url": "x", "description": "a cat, <@4343>"}
POLL = {
    "question": {"text": "Tea or coffee?"},
    "answers": [
        {"answer_id": 1, "poll_media": {"text": "Tea", "emoji": {"name": "leaf"}}},
        {"answer_id": 2, "poll_media": {"text": "Coffee"}},
    ],
}


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        pytest.param({"author": BUILD, "embeds": [ALERT]}, ALERT_SAID, id="a bot's embed"),
        pytest.param({"author": BUILD, "content": "look", "embeds": [{"description": "x"}]}, "look\nx", id="beside content"),
        pytest.param({"author": BUILD, "components": [LAYOUT]}, LAYOUT_SAID, id="a layout of components"),
        pytest.param({"poll": POLL}, "(poll: Tea or coffee?)\n- leaf Tea\n- Coffee", id="a poll with its choices"),
        pytest.param({"type": 46, "embeds": [ENDED]}, "(poll ended: Tea or coffee? leaf Tea won with 3 of 4 votes)", id="a poll that ended"),
        pytest.param({"type": 46, "embeds": [{"type": "poll_result", "fields": ENDED["fields"][:1]}]}, "(poll ended: Tea or coffee? nothing won, with 0 of 0 votes)", id="a poll that nobody won"),
        pytest.param({"author": BUILD, "components": [{"type": 1, "components": [MENU]}]}, "(Pick)\n(choices: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, and 2 more)", id="what a menu offers"),
        pytest.param({"content": "look", "attachments": [PICTURE]}, "look\n(a.png shows: a cat, <\u200b@4343>)", id="what a picture shows"),
        pytest.param({"poll": {"question": {"text": "Tea\nor?"}, "answers": [{"poll_media": {"text": "Tea\n- Coffee"}}]}}, "(poll: Tea or?)\n- Tea - Coffee", id="lines of a poll"),
        pytest.param({"type": 46, "embeds": [{"type": "poll_result", "fields": [{"name": "poll_question_text", "value": "Tea\nor?"}]}]}, "(poll ended: Tea or? nothing won, with 0 of 0 votes)", id="lines of a poll that ended"),
        pytest.param({"author": BUILD, "components": [{"placeholder": "Pick\none", "options": [{"label": "a\nb"}, {"label": "c"}]}, {"items": [{"description": "d\ne"}]}]}, "(Pick one)\n(choices: a b, c)\nd e", id="lines of a menu and of pictures"),
        pytest.param({"content": "look", "attachments": [PICTURE | {"description": "a cat\n\nand a dog"}]}, "look\n(a.png shows: a cat and a dog)", id="lines of what a picture shows"),
        pytest.param({"sticker_items": [{"name": "Wave\nhi"}]}, "(sticker: Wave hi)", id="lines of a sticker"),
        pytest.param({"sticker_items": [{"name": "Wave"}]}, "(sticker: Wave)", id="a sticker"),
        pytest.param({"embeds": None, "components": [None], "poll": None, "message_snapshots": [None, {}]}, "", id="nulls"),
    ],
)  # fmt: skip
def test_all_that_its_author_says_is_read(parts, text):
    message = read.parse_message(payload(**parts), CHANNEL, US)

    assert message is not None
    assert (message.text, message.quotes) == (text, ())


def test_a_forward_is_a_quote_with_all_that_it_shows():
    shown = {"content": "see <@7002>", "embeds": [ALERT], "components": [LAYOUT], "attachments": [], "poll": POLL}
    message = read.parse_message(payload(message_snapshots=[{"message": shown}]), CHANNEL, US)

    assert message is not None
    said = f"see <@7002>\n{ALERT_SAID}\n{LAYOUT_SAID}\n(poll: Tea or coffee?)\n- leaf Tea\n- Coffee"
    assert (message.text, message.quotes) == ("", (Quote(said),))


def test_buttons_of_ours_say_nothing_where_a_page_of_ours_is_forwarded():
    shown = {"content": "because", "components": build_buttons(list(Control), "1177")}
    message = read.parse_message(payload(message_snapshots=[{"message": shown}]), CHANNEL, US)

    assert message is not None
    assert message.quotes == (Quote("because"),)


def test_what_a_forwarded_picture_shows_is_quoted():
    message = read.parse_message(payload(message_snapshots=[{"message": {"attachments": [PICTURE]}}]), CHANNEL, US)

    assert message is not None
    assert message.quotes == (Quote("(a.png shows: a cat, <\u200b@4343>)"),)
    assert [one.quoted for one in message.attachments] == [True]


def test_whom_a_picture_s_description_names_is_not_asked():
    event = read.parse_post(payload(BUILD, attachments=[{**PICTURE, "description": "<@4343> why?"}]), CHANNEL, US)

    assert event is not None
    assert event.asks is Asks.NO


def test_a_forward_of_a_forward_is_read_too():
    shown = {"content": "", "message_snapshots": [{"message": {"content": "the first words"}}]}
    message = read.parse_message(payload(message_snapshots=[{"message": shown}]), CHANNEL, US)

    assert message is not None
    assert message.quotes == (Quote("the first words"),)


@pytest.mark.parametrize("author", [PERSON, BUILD], ids=["a person", "a bot"])
def test_what_a_link_unfolds_to_is_nobodys_word(author):
    linked = {"type": "article", "title": "A page", "description": "by <@4343>"}
    message = read.parse_message(payload(author, content="see", embeds=[linked]), CHANNEL, US)

    assert message is not None
    assert (message.text, message.quotes) == ("see", (Quote("A page\nby <@4343>", QuoteKind.PREVIEW),))


@pytest.mark.parametrize(
    ("parts", "place", "asks"),
    [
        pytest.param({"author": BUILD, "embeds": [{"description": "<@4343> why?"}]}, CHANNEL, Asks.CERTAINLY, id="in an embed"),
        pytest.param(
            {"author": BUILD, "components": [{"type": 10, "content": "<@&813803>"}]}, CHANNEL, Asks.CERTAINLY, id="in components"
        ),
        pytest.param({"author": BUILD, "embeds": [{"type": "link", "description": "<@4343>"}]}, CHANNEL, Asks.NO, id="a link's"),
        pytest.param({"message_snapshots": [{"message": {"content": "<@4343>"}}]}, CHANNEL, Asks.NO, id="a forwarded mention"),
        pytest.param({"embeds": [{"description": "<@4343>"}]}, CHANNEL, Asks.NO, id="a person's preview"),
        pytest.param({"message_snapshots": [{"message": {"content": "x"}}]}, DM, Asks.CERTAINLY, id="a forward to us alone"),
    ],
)  # fmt: skip
def test_who_mentions_us_in_words_of_its_own_asks(parts, place, asks):
    assert read.classify_question(payload(**parts), place, US) is asks


def test_a_forum_post_begins_with_its_title_and_tags():
    us = BotIdentity("4343", find_post={"81399": ForumPost("# Installing\n(tags: bug)", "7002")}.get)
    place = ChannelPlace("discord:8138", "81385", "81399", whole=True)
    first, second = (
        read.parse_message(payload(id=key, content=f"<@4343> {key}"), place, us) for key in ("81399", "81400")
    )

    assert first is not None
    assert second is not None
    assert (first.text, second.text) == ("# Installing\n(tags: bug)\n81399", "81400")


@pytest.mark.parametrize(
    "hung",
    [{"components": 500}, {"components": "wide"}, {"embeds": "wide"}],
    ids=["deep components", "many components", "many embeds"],
)
def test_a_hostile_payload_is_read_in_time(hung):
    deep: dict = {"type": 10, "content": "x"}
    for _ in range(500):
        deep = {"type": 17, "components": [deep]}
    parts = {name: [deep] if size == 500 else [LAYOUT | ALERT] * 5_000 for name, size in hung.items()}

    began = time.thread_time()
    read.parse_message(payload(BUILD, **parts), CHANNEL, US)

    assert time.thread_time() - began < 2
