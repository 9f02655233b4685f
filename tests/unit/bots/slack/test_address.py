"""Addresses of questions on Slack, as they are stored."""

import pytest

from bots.slack.address import SlackAddress

URL = "https://hooks.slack.com/commands/T024/1/abc"


@pytest.mark.parametrize(
    ("stored", "address"),
    [("{}", SlackAddress()), ('{"url": ""}', SlackAddress()), (f'{{"url": "{URL}"}}', SlackAddress(url=URL))],
    ids=["a message or a closed question", "a command without a response_url", "a command"],
)
def test_an_address_that_an_older_version_stored_is_read(stored, address):
    assert SlackAddress.parse(stored) == address


def test_an_address_is_written_as_older_versions_read_it():
    assert SlackAddress(url=URL).dump() == f'{{"url": "{URL}"}}'


def test_half_a_character_is_kept():
    assert SlackAddress.parse(SlackAddress(url="\ud83d").dump()) == SlackAddress(url="\ud83d")


def test_the_response_url_is_not_shown():
    assert URL not in repr(SlackAddress(url=URL))
