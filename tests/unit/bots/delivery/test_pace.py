"""Pace: each key's turns come one after the other, for all who share it."""

from bots.delivery.pace import Pace
from tests.fakes.slack.nouns import Clock


def test_a_keys_turns_are_booked_one_after_the_other():
    clock = Clock(100.0)
    pace = Pace(1.0, clock)
    booked = [pace.book_turn("a"), pace.book_turn("a"), pace.book_turn("b"), pace.book_turn("a")]
    clock.advance(1.5)

    assert booked == [0.0, 1.0, 0.0, 2.0]
    assert [pace.seconds_until_free("a"), pace.seconds_until_free("b"), pace.seconds_until_free("c")] == [1.5, 0.0, 0.0]
    assert [pace.book_turn("b"), pace.book_turn("a")] == [0.0, 1.5]


def test_a_refusal_holds_every_turn_back_until_it_ends():
    clock = Clock(100.0)
    pace = Pace(1.5, clock)
    pace.hold_back("chat.update", 30)
    late = [pace.seconds_until_free("chat.update"), pace.book_turn("chat.update"), pace.book_turn("chat.update")]
    clock.advance(60)

    assert late == [30.0, 30.0, 31.5]
    assert pace.book_turn("chat.update") == 0.0


def test_a_short_refusal_brings_no_turn_forward():
    pace = Pace(10.0, Clock(100.0))
    pace.book_turn("chat.update")
    pace.hold_back("chat.update", 1)

    assert pace.seconds_until_free("chat.update") == 10.0
