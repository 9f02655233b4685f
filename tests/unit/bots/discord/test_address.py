"""Addresses of questions on Discord, as they are stored, and permalinks of messages."""

import json
from datetime import UTC, datetime

import pytest

from bots.discord.address import DiscordAddress, read_link, write_link
from core.domain.messages import LinkTarget, Message


def said(name, **more):
    return Message(name, "1", "words", datetime(2026, 11, 20, tzinfo=UTC), **more)


TOKEN = "aW50ZXJhY3Rpb246c2VjcmV0"


@pytest.mark.parametrize(
    ("stored", "address"),
    [
        ("{}", DiscordAddress()),
        ('{"at": "81382", "title": ""}', DiscordAddress(at="81382", title="")),
        (
            '{"at": "81382", "title": "Wor\\u00fcber? \\ud83d\\ude00"}',
            DiscordAddress(at="81382", title="Worüber? 😀"),
        ),
        (
            f'{{"at": "81382", "application": "4343", "token": "{TOKEN}", "permissions": "2147483647"}}',
            DiscordAddress(at="81382", application="4343", token=TOKEN, permissions=2_147_483_647),
        ),
        (
            f'{{"at": "81382", "application": "4343", "token": "{TOKEN}", "permissions": "0", "prompt": "why?"}}',
            DiscordAddress(at="81382", application="4343", token=TOKEN, permissions=0, prompt="why?"),
        ),
        (
            f'{{"at": "9001", "application": "4343", "token": "{TOKEN}", "prompt": ""}}',
            DiscordAddress(at="9001", application="4343", token=TOKEN, prompt=""),
        ),
    ],
    ids=[
        "a closed question",
        "a message without words",
        "a message",
        "a command",
        "a prompt",
        "a prompt in a direct message",
    ],
)
def test_an_address_that_an_older_version_stored_is_read_and_written_as_it_was(stored, address):
    assert DiscordAddress.parse(stored) == address
    assert json.loads(address.dump()) == json.loads(stored)


def test_an_address_of_a_press_says_whose_rights_it_has_and_where_further_pages_go():
    address = DiscordAddress(at="81382", application="4343", token=TOKEN, permissions=8, under="1177", person="7001")
    parts = {
        "at": "81382",
        "application": "4343",
        "token": TOKEN,
        "permissions": "8",
        "under": "1177",
        "person": "7001",
    }

    assert json.loads(address.dump()) == parts
    assert DiscordAddress.parse(address.dump()) == address


def test_what_a_newer_version_added_is_ignored():
    assert DiscordAddress.parse('{"at": "81382", "colour": "blue"}') == DiscordAddress(at="81382")


def test_half_a_character_is_kept():
    address = DiscordAddress(at="1", title="half \ud83d")

    assert DiscordAddress.parse(address.dump()) == address


def test_an_address_that_can_not_be_is_refused():
    with pytest.raises(ValueError, match="permissions"):
        DiscordAddress.parse('{"permissions": "many"}')


def test_a_token_is_not_shown():
    assert TOKEN not in repr(DiscordAddress(token=TOKEN))


SERVER = "https://discord.com/channels"
PLACES = {
    "a message that begins a thread": (said("300"), "300", f"{SERVER}/1/20/300"),
    "a reply in the channel": (said("301", parent="300"), "300", f"{SERVER}/1/20/301"),
    "a message in a thread of its own": (said("301"), "300", f"{SERVER}/1/300/301"),
    "what is no message of Discord's": (said("x"), "300", ""),
}


@pytest.mark.parametrize(("message", "thread", "link"), PLACES.values(), ids=PLACES)
def test_a_permalink_leads_to_where_a_message_stands(message, thread, link):
    assert write_link("1", "20", message, thread) == link


def test_a_permalink_of_direct_messages_names_no_server():
    assert write_link(None, "20", said("301"), "20") == f"{SERVER}/@me/20/301"


READ = {
    "a message": (f"{SERVER}/1/20/301", "1", LinkTarget("301", "20")),
    "a channel or thread": (f"{SERVER}/1/20", "1", LinkTarget("", "20")),
    "of a test version": (" https://ptb.discord.com/channels/1/20/301/?x=1#y ", "1", LinkTarget("301", "20")),
    "of long ago": ("https://discordapp.com/channels/1/20/301", "1", LinkTarget("301", "20")),
    "direct messages": (f"{SERVER}/@me/20/301", None, LinkTarget("301", "20")),
    "direct messages, asked about in a server": (f"{SERVER}/@me/20/301", "1", None),
    "a server, asked about in direct messages": (f"{SERVER}/1/20/301", None, None),
    "of another server": (f"{SERVER}/2/20/301", "1", None),
    "of another site": ("https://discord.com.evil/channels/1/20/301", "1", None),
    "with digits of another script": (f"{SERVER}/1/20/30\u0661", "1", None),
    "nothing": ("", "1", None),
}


@pytest.mark.parametrize(("link", "guild", "target"), READ.values(), ids=READ)
def test_only_permalinks_of_this_server_are_read(link, guild, target):
    assert read_link(link, guild) == target
