"""What Discord's payloads become. The samples have the shape that Discord's API v10 documents, trimmed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from discord.utils import snowflake_time

from bots.discord import parse as read
from bots.discord.parse import DIRECT, BotIdentity, ChannelPlace
from core.domain.events import Deleted, Edited, Posted
from core.domain.messages import Asks, Attachment, Message, Quote, QuoteKind, ThreadKey

SAMPLES = Path(__file__).parents[3] / "payloads" / "discord"
NAMES = {"81383": "dev", "813802": "crew", "813803": "Confab"}
US = BotIdentity("4343", frozenset({"813803"}), NAMES.get)
CHANNEL = ChannelPlace("discord:8138", "81382", "81382")
THREAD = ChannelPlace("discord:8138", "81382", "1473600000000000005", whole=True)
FORUM = ChannelPlace("discord:8138", "81385", "1473600000000000034", whole=True)
DM = ChannelPlace(DIRECT, "9001", "9001", whole=True)
EDITED = datetime(2026, 11, 21, 9, 5, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def sample(name: str) -> dict:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def name(number: int) -> str:
    return str(1473600000000000000 + number)


def at(number: int) -> datetime:
    """When the message of that number was posted: its snowflake counts milliseconds since 2015."""
    return datetime(2015, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(name(number)) >> 22)


def message(number: int, text: str, author: str = "7001", **fields) -> Message:
    return Message(name(number), author, text, at(number), **fields)


def page(number: int, text: str, **fields) -> Message:
    return message(number, text, "4343", mine=True, **fields)


PASTE = "https://cdn.discordapp.com/attachments/81382/70/message.txt?ex=6740&is=673f&hm=ab&"
MARKED = "why is the :sky: blue, <@7002>? See #dev and @crew"


@pytest.mark.parametrize(
    ("payload", "place", "thread", "asks", "read_as"),
    [
        pytest.param("message", CHANNEL, 1, Asks.NO, message(1, "Lunch?"), id="a message that asks nobody"),
        pytest.param("mention", CHANNEL, 2, Asks.CERTAINLY, message(2, MARKED), id="a mention, its markup in words"),
        pytest.param(
            "mention_inside", CHANNEL, 3, Asks.CERTAINLY, message(3, "Ask <@4343>, not me"), id="a mention inside"
        ),
        pytest.param("bare_mention", CHANNEL, 19, Asks.CERTAINLY, message(19, ""), id="nothing but a mention"),
        pytest.param("role_mention", CHANNEL, 4, Asks.CERTAINLY, message(4, "hello"), id="our own role is mentioned"),
        pytest.param("everyone", CHANNEL, 6, Asks.NO, message(6, "@everyone party"), id="@everyone is no mention"),
        pytest.param(
            "reply",
            CHANNEL,
            9,
            Asks.CERTAINLY,
            message(10, "and at night?", "7002", parent=name(9)),
            id="a reply to us that pings",
        ),
        pytest.param(
            "reply_without_ping",
            CHANNEL,
            9,
            Asks.CERTAINLY,
            message(11, "and at night?", "7002", parent=name(9)),
            id="a reply to us that does not ping",
        ),
        pytest.param(
            "reply_to_a_person",
            CHANNEL,
            1,
            Asks.NO,
            message(12, "yes", "7002", parent=name(1)),
            id="a reply to somebody else",
        ),
        pytest.param(
            "reply_to_nothing",
            CHANNEL,
            1,
            Asks.NO,
            message(13, "yes", "7002", parent=name(1)),
            id="a reply to what is deleted",
        ),
        pytest.param(
            "reply_ping_of_a_bot",
            CHANNEL,
            9,
            Asks.NO,
            message(14, "build failed", "7901", bot=True, parent=name(9)),
            id="a bot's reply to us, with its ping",
        ),
        pytest.param(
            "bot_mentions",
            CHANNEL,
            15,
            Asks.CERTAINLY,
            message(15, "build failed", "7901", bot=True),
            id="a bot that mentions us",
        ),
        pytest.param(
            "webhook_mentions",
            CHANNEL,
            16,
            Asks.CERTAINLY,
            message(16, "deployed", "7902", bot=True, speaker="Deploys"),
            id="a webhook that mentions us",
        ),
        pytest.param("in_thread", THREAD, 5, Asks.PERHAPS, message(17, "and then?"), id="a message in a thread"),
        pytest.param("forum_post", FORUM, 34, Asks.CERTAINLY, message(34, "how do I install it?"), id="a forum post"),
        pytest.param(
            "reply", THREAD, 5, Asks.CERTAINLY, message(10, "and at night?", "7002"), id="a reply in a thread"
        ),
        pytest.param("direct", DM, None, Asks.CERTAINLY, message(18, "psst"), id="a direct message"),
        pytest.param(
            "ours",
            CHANNEL,
            5,
            Asks.NO,
            page(9, "Blue, on clear days.", parent=name(5), answers=name(5)),
            id="a page of ours",
        ),
        pytest.param(
            "ours_slash",
            CHANNEL,
            20,
            Asks.NO,
            page(21, "Rayleigh scattering.", parent=name(20), answers=name(20)),
            id="a slash answer, which carries a webhook's id",
        ),
        pytest.param(
            "ours_slash_page_two",
            CHANNEL,
            20,
            Asks.NO,
            page(22, "And it goes on.", parent=name(21), answers=name(20)),
            id="its second page, which replies to the first",
        ),
        pytest.param(
            "ours_notice",
            CHANNEL,
            5,
            Asks.NO,
            page(23, "Claude is overloaded. (reference A1B2C3)", parent=name(5), answers=name(5), notice=True),
            id="a notice of ours",
        ),
        pytest.param(
            "ours_thinking",
            CHANNEL,
            25,
            Asks.NO,
            page(24, "", parent=name(25), answers=name(25)),
            id="a slash answer that is deferred",
        ),
        pytest.param(
            "forward",
            CHANNEL,
            26,
            Asks.NO,
            message(
                26,
                "",
                quotes=(Quote("The server is down"),),
                attachments=(Attachment(name(71), "log.txt", "text/plain", 4200, PASTE, quoted=True),),
            ),
            id="a forward with a file, which replies to nothing",
        ),
        pytest.param("sticker", CHANNEL, 27, Asks.NO, message(27, "(sticker: Wave)"), id="a sticker"),
        pytest.param("poll", CHANNEL, 30, Asks.NO, message(30, "(poll: Tea or coffee?)"), id="a poll"),
        pytest.param(
            "paste",
            DM,
            None,
            Asks.CERTAINLY,
            message(28, "", attachments=(Attachment(name(70), "message.txt", "text/plain", 4200, PASTE),)),
            id="a long paste, which has no type",
        ),
        pytest.param("silent", THREAD, 5, Asks.NO, message(29, ""), id="a message whose words are kept from us"),
    ],
)
def test_a_message_is_read(payload, place, thread, asks, read_as):
    said = read.parse_post(sample(payload), place, US)

    key = ThreadKey(place.workspace, place.channel, name(thread) if thread else place.at)
    title = read_as.text.replace("<@7002>", "@Bob").replace("<@4343>", "@confab")
    address = {"at": place.at, "title": title}
    assert said is not None
    assert (said.id, said.key, said.message, said.asks) == (read_as.id, key, read_as, asks)
    assert json.loads(said.address) == (address if asks is not Asks.NO else {})
    root = place.at if place.whole else key.thread
    begun = {"begins": not place.whole} if root == read_as.id else {"begun_at": snowflake_time(int(root))}
    assert said == Posted(read_as.id, key, read_as, asks, said.address, **begun)


def test_a_page_of_ours_is_not_read_as_if_somebody_else_had_written_it():
    asked = []
    us = replace(US, find_name=asked.append)
    payload = sample("message") | {"author": {"id": US.id, "bot": True}, "content": "See <#81383> and <@&813802>"}

    said = read.parse_post(payload, CHANNEL, us)

    assert (said.message.text, asked) == ("See <#81383> and <@&813802>", [])


@pytest.mark.parametrize("payload", ["pin", "thread_created", "thread_starter"])
def test_what_nobody_says_is_not_read(payload):
    assert read.parse_post(sample(payload), CHANNEL, US) is None


def test_the_question_above_a_slash_answer_is_read_back():
    assert read.parse_quoted_question(sample("ours_slash"), US) == message(20, "Why is the sky blue?")


@pytest.mark.parametrize("payload", ["ours", "ours_thinking", "ours_slash_page_two"])
def test_other_pages_quote_no_question(payload):
    assert read.parse_quoted_question(sample(payload), US) is None


@pytest.mark.parametrize(
    ("payload", "root", "read_as"),
    [
        pytest.param("edit", 1, message(1, "Lunch at one?", edited=EDITED), id="words changed"),
        pytest.param("edit_withheld", None, None, id="the new words are kept from us"),
        pytest.param(
            "edit_of_ours", 20, page(21, "Because of Rayleigh", parent=name(20), answers=name(20)), id="our answer grew"
        ),
    ],
)
def test_an_edit_is_read(payload, root, read_as):
    edited = read.parse_edit(sample(payload), CHANNEL, US)

    if read_as is None:
        assert edited is None
    else:
        when = sample(payload)["edited_timestamp"]
        asks = None if read_as.mine else Asks.NO
        key = ThreadKey("discord:8138", "81382", name(root))
        assert edited is not None
        assert edited == Edited(f"{read_as.id}:{when}", key, read_as, asks, edited.address)


def test_a_link_that_unfolds_is_no_edit():
    shown = read.parse_edit(sample("unfurl"), CHANNEL, US)

    words = message(1, "https://example.org", quotes=(Quote("Example", QuoteKind.PREVIEW),))
    assert shown == Posted(name(1), ThreadKey("discord:8138", "81382", name(1)), words)


def test_what_another_bot_quotes_above_its_answer_is_nobodys_question():
    forged = {**sample("ours_slash"), "author": {"id": "7901", "username": "build", "bot": True}}

    assert read.parse_quoted_question(forged, US) is None


@pytest.mark.parametrize(("payload", "gone"), [("delete", [1]), ("delete_bulk", [1, 2])])
def test_deletions_are_read(payload, gone):
    key = ThreadKey("discord:8138", "81382", "")

    deleted = read.parse_deletion(sample(payload), CHANNEL, NOW, US)

    assert deleted == [Deleted(f"{name(one)}:deleted", key, name(one), NOW) for one in gone]
