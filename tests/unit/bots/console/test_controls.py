"""Words in the place of buttons: bots.console.controls."""

from datetime import UTC, datetime

import pytest

from bots.console.controls import LATER, NewestReplies, describe_controls, describe_waiting, find_control
from core.domain.controls import APPROVAL, FEEDBACK, Control
from core.domain.messages import Question, ThreadKey
from core.store.records.calls import WaitingCall


@pytest.mark.parametrize(
    ("line", "control"),
    [
        ("/allow", Control.ALLOW),
        ("/ALLOW   Thread", Control.ALLOW_THREAD),
        ("/deny", Control.DENY),
        ("/retry", Control.RETRY),
        ("/allow it", None),
        ("allow", None),
    ],
)
def test_a_line_names_a_control_or_none(line, control):
    assert find_control(line) is control


def test_the_words_for_what_waits_say_what_they_do():
    assert describe_controls(APPROVAL) == (
        "/allow lets it act, /allow thread lets this tool act for you in this thread from now on, /deny does not"
    )


def test_what_waits_is_named_with_its_place_and_the_lines_that_go_there():
    until = datetime(2026, 1, 1, 12, 30).astimezone()
    waiting = WaitingCall(ThreadKey("console:w", "dev\x1b", "t"), "tickets__`open`", "bob\n", until)

    assert describe_waiting(waiting, []) == (
        "`tickets__'open'` waits in #dev\\x1b for bob, until 12:30. Type `/allow` or `/deny`."
    )
    assert describe_waiting(waiting, ["/as bob", "/threads #dev t"], LATER).endswith(
        "Start `confab chat` again by then, and type `/as bob`, then `/threads #dev t`, then `/allow` or `/deny`."
    )


def test_a_conversation_knows_the_newest_call_that_waits_and_the_newest_answer():
    newest, key = NewestReplies(), ThreadKey("console:w", "c", "t")
    first, second = (Question(key, name, "ada", datetime(2026, 1, 1, tzinfo=UTC)) for name in ("1", "2"))
    newest.note(first, (Control.RETRY, *FEEDBACK), "1")
    newest.note(second, APPROVAL, "2#1")
    while_it_waits = [newest.find_subject(one, key) for one in (Control.ALLOW, Control.RETRY)]
    newest.note(second, (Control.RETRY, *FEEDBACK), "2")

    assert while_it_waits == ["2#1", "1"]
    assert [newest.find_subject(one, key) for one in (Control.DENY, Control.RETRY)] == [None, "2"]
