"""Controls: the id of a button says what a press of it means."""

import pytest

from core.domain.controls import LABELS, Control, Votes, name_control, parse_control


@pytest.mark.parametrize("control", list(Control))
def test_an_id_says_what_a_press_does_and_to_which_reply(control):
    assert parse_control(name_control(control, "1764.000200")) == (control, "1764.000200")


@pytest.mark.parametrize("foreign", ["", "stop", "stop:", "begin:1", ":1", "STOP:1"])
def test_an_id_of_others_is_none_of_ours(foreign):
    assert parse_control(foreign) is None


def test_every_control_has_a_label_of_its_own():
    assert sorted(one.value for one in LABELS) == sorted(one.value for one in Control)
    assert len(set(LABELS.values())) == len(LABELS)


def test_votes_are_written_with_their_labels():
    assert (str(Votes(2, 1)), bool(Votes()), bool(Votes(0, 1))) == ("👍 2 👎 1", False, True)
