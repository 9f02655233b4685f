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
