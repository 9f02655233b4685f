"""Viewing: what the app context of a direct message names, and which words ask about it."""

import pytest

from bots.slack.home.viewing import Viewed, find_viewed, points

CHANNEL = {"type": "slack#/types/channel_id", "value": "C0DEV"}
MESSAGE = {
    "type": "slack#/types/message_context",
    "value": {"channel_id": "C0GEN", "message_ts": "1700000000.000100"},
}


def beside(*entities, **changes):
    return {"channel": "D0BOB", "channel_type": "im", "app_context": {"entities": list(entities)}, **changes}


@pytest.mark.parametrize(
    ("event", "viewed"),
    [
        (beside(CHANNEL, MESSAGE), Viewed("C0DEV")),
        (beside(MESSAGE, CHANNEL), Viewed("C0GEN", "1700000000.000100")),
        (beside({**CHANNEL, "value": "D0BOB"}, CHANNEL), Viewed("C0DEV")),
        (
            beside({"type": "slack#/types/canvas_id", "value": "F1"}, {"type": "slack#/types/list_id", "value": "L1"}),
            None,
        ),
        (beside({**MESSAGE, "value": None}, {**MESSAGE, "value": {"message_ts": "1700000000.000100"}}), None),
        (beside({**MESSAGE, "value": {"channel_id": "C0GEN", "message_ts": "x"}}), None),
        (beside({**CHANNEL, "value": "C0DEV&limit=9"}, {**CHANNEL, "value": 7}, "C0DEV", None), None),
        (beside(CHANNEL, channel="C0GEN", channel_type="channel"), None),
        (beside(*[{"type": "slack#/types/future", "value": 1}] * 50, CHANNEL), None),
        (beside(app_context={}), None),
        (beside(app_context=[]), None),
        (beside(app_context={"entities": {"0": CHANNEL}}), None),
        ({"channel": "D0BOB"}, None),
    ],
    ids=[
        "a channel",
        "a message before a channel",
        "not the conversation itself",
        "a canvas and a list",
        "no message",
        "no stamp",
        "no ids",
        "not in a channel",
        "far behind",
        "nothing",
        "no context",
        "no list",
        "none",
    ],
)
def test_what_is_looked_at_is_the_first_that_can_be_read(event, viewed):
    assert find_viewed(event) == viewed


@pytest.mark.parametrize(
    "text",
    [
        "Sum up this channel",
        "what is THIS message about?",
        "Reply to that long thread for me",
        "Can you summarize this?",
        "Please reply to this",
        "What is this?",
        "What's going on here?",
        "what was decided in here",
        "Fasse diesen Kanal zusammen",
        "Worum geht es in dieser Nachricht?",
        "Résume cette conversation",
        "Resume este hilo",
        "Riassumi questa conversazione",
        "Vat dit gesprek samen",
    ],
)
def test_words_that_ask_about_it(text):
    assert points(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is two and two?",
        "this is a test",
        "I like this",
        "I have never seen anything like this!",
        "Help me with this.",
        "Is anybody here?",
        "Here is what I wrote: hello",
        "Which channel is for cats?",
        "the message of this book",
        "",
        "so is that",
    ],
)
def test_words_that_do_not(text):
    assert not points(text)
