"""Places of the playground (bots.web.playground.place): an address says who speaks where, whatever it holds."""

import pytest

from bots.web.playground.place import PlaygroundPlace, clean_name, find_next, read_place
from core.store.records.posts.stored_posts import PostedThread
from tests.support.talk import at

THREADS = [PostedThread("dev", thread, at(1), at(2), "{}") for thread in ("3", "1", "run 7")]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, PlaygroundPlace("general", "1", "ada")),
        ({"channel": "dev"}, PlaygroundPlace("dev", "3", "ada")),
        (
            {"channel": "#dev", "thread": "1", "as": "bob", "panel": "persona"},
            PlaygroundPlace("dev", "1", "bob", "persona"),
        ),
        ({"channel": "dev", "thread": "4"}, PlaygroundPlace("dev", "4", "ada")),
        ({"channel": "dev", "thread": "run 7"}, PlaygroundPlace("dev", "run 7", "ada")),
        ({"channel": "on call", "thread": "../1", "panel": "x"}, PlaygroundPlace("on-call", "1", "ada")),
        ({"channel": " ", "thread": "9" * 40, "as": "\u202e"}, PlaygroundPlace("general", "1", "ada")),
    ],
)
def test_an_address_names_a_place(given, place):
    assert read_place(given, THREADS, "ada") == place


def test_a_place_has_an_address_that_changes_in_what_is_asked():
    place = PlaygroundPlace("on-call", "2", "Bob & Co", "prompt")

    assert place.address(panel="") == "/?channel=on-call&thread=2&as=Bob+%26+Co"
    assert place.address(thread="3") == "/?channel=on-call&thread=3&as=Bob+%26+Co&panel=prompt"
    assert place.key.channel == "on-call"


def test_names_are_one_line_of_what_can_be_seen():
    assert clean_name(" a\n b\x1b[31m\u200b ") == "a b[31m"
    assert len(clean_name("x" * 500)) == 60
    assert find_next(["1", "12", "run 7", "3"]) == "13"
