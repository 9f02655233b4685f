"""Posts of the playground (bots.web.playground.posts): they are kept as they are, and say the same however often."""

from dataclasses import replace

import pytest

from bots.web.playground.posts import (
    PlaygroundPost,
    build_event,
    hang_file,
    is_command,
    is_private,
    list_attachments,
    name_reply,
    read_message,
    read_post,
    store_post,
)
from core.domain.controls import Control
from core.domain.events import Commanded, Deleted, Edited, Posted
from core.domain.messages import Asks, File, Message, Question, ThreadKey
from tests.support.talk import at

KEY = ThreadKey("web:playground", "general", "1")
PLOT = hang_file(File("plot.png", "image/png", b"\x89PNG"))
SAID = PlaygroundPost("10", "ada", "hello", at(1), files=(PLOT,))
REPLY = PlaygroundPost(
    "10.1", "ada", "hi", at(2), "10", controls=(Control.RETRY, Control.UP), subject="10#2", whole=False
)


@pytest.mark.parametrize("post", [SAID, REPLY, replace(SAID, values={"text": "\0<b>"}, command=True, edited=at(3))])
def test_a_post_is_read_as_it_was_kept(post):
    assert read_post(store_post(KEY, post)) == post


def test_what_goes_on_is_not_kept_for_it_ends_with_the_process():
    assert read_post(store_post(KEY, replace(REPLY, activity="thinking"))) == REPLY


def test_posts_tell_what_was_said_corrected_deleted_and_ordered():
    said = Message("10", "ada", "hello", at(1), attachments=list_attachments(SAID))
    corrected = replace(SAID, text="hi", edited=at(5))

    assert build_event(KEY, SAID, "posted") == Posted("10", KEY, said, Asks.CERTAINLY)
    assert build_event(KEY, corrected, "edited") == Edited(
        f"10:{at(5).timestamp()}", KEY, replace(said, text="hi", edited=at(5)), Asks.CERTAINLY
    )
    assert build_event(KEY, corrected, "deleted") == Deleted("10:deleted", KEY, "10", at(5))
    given = PlaygroundPost("11", "ada", "/persona set", at(1), command=True, values={"text": "Be brief."})
    assert build_event(KEY, given, "commanded") == Commanded(
        "11", KEY, "ada", "persona set", at(1), {"text": "Be brief."}
    )
    with pytest.raises(ValueError, match="sung"):
        build_event(KEY, SAID, "sung")


def test_an_answer_is_ours_and_named_after_its_question():
    message = read_message(REPLY)

    assert (message.mine, message.answers, message.author, message.attachments) == (True, "10", "", ())
    assert name_reply(Question(KEY, "10", "ada", at(1))) == "10.1"


@pytest.mark.parametrize(
    ("text", "command", "private"),
    [
        ("/help", True, True),
        ("/persona set x", True, False),
        ("/usage of=me", True, True),
        ("/etc/hosts", False, True),
        ("/", False, True),
        ("a /help", False, True),
    ],
)
def test_a_line_that_begins_with_a_slash_is_a_command(text, command, private):
    assert (is_command(text), is_private(text)) == (command, private)


def test_posts_are_in_the_order_of_their_time():
    later = replace(SAID, name="9", at=at(100))

    assert sorted([later, REPLY, SAID], key=lambda post: post.order) == [SAID, REPLY, later]
