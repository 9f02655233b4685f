"""Addresses of questions on Discord, as they are stored."""

import json

import pytest

from bots.discord.address import DiscordAddress

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
