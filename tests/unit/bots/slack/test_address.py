"""Addresses of questions on Slack, as they are stored, and permalinks of messages."""

import pytest

from bots.slack.address import SlackAddress, read_link, write_link
from core.domain.messages import LinkTarget

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


TEAM = "https://acme.slack.com/"
LINKS = {
    "a message in the channel": ("1700000000.000100", "1700000000.000100", "archives/C1/p1700000000000100"),
    "a message in a thread": (
        "1700000009.000200",
        "1700000000.000100",
        "archives/C1/p1700000009000200?thread_ts=1700000000.000100&cid=C1",
    ),
}


@pytest.mark.parametrize(("message", "thread", "link"), LINKS.values(), ids=LINKS)
def test_a_permalink_is_written_and_read_back(message, thread, link):
    assert write_link(TEAM, "C1", message, thread) == f"{TEAM}{link}"
    assert read_link(f" {TEAM}{link}\n", TEAM, "C1") == LinkTarget(message, thread)


def test_what_is_no_message_of_slacks_has_no_permalink():
    assert write_link(TEAM, "C1", "trigger", "") == ""
    assert write_link("", "C1", "1700000000.000100", "1700000000.000100") == ""


HERE = LinkTarget("1700000000.000100", "1700000000.000100")
READ = {
    "as Slack shows it in a message": (
        f"{TEAM}archives/C1/p1700000009000200?thread_ts=1700000000.000100&amp;cid=C1",
        LinkTarget("1700000009.000200", "1700000000.000100"),
    ),
    "of another workspace that shares the channel": ("https://other.slack.com/archives/C1/p1700000000000100", HERE),
    "of another channel": (f"{TEAM}archives/C2/p1700000000000100", None),
    "of a channel, not a message": (f"{TEAM}archives/C1", None),
    "with a thread that is none": (f"{TEAM}archives/C1/p1700000000000100?thread_ts=../x", HERE),
    "of another site": ("https://evil.example/archives/C1/p1700000000000100", None),
    "of a site that ends alike": ("https://evilslack.com/archives/C1/p1700000000000100", None),
    "without encryption": ("http://acme.slack.com/archives/C1/p1700000000000100", None),
    "with digits of another script": (f"{TEAM}archives/C1/p170000000000010\u0660", None),
    "with brackets that hold no address": ("https://[x/archives/C1/p1700000000000100", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("link", "target"), READ.values(), ids=READ)
def test_only_permalinks_of_this_channel_are_read(link, target):
    assert read_link(link, TEAM, "C1") == target
