"""The pace of edits: turns one after the other, held back by a rate limit."""

from bots.slack.throttle import Pace
from tests.fakes.slack.nouns import Clock


def test_turns_come_one_after_the_other_over_all_replies():
    clock = Clock(100.0)
    pace = Pace(1.5, clock)

    assert [pace.turn("chat.update") for _ in range(3)] == [1.5, 3.0, 4.5]
    assert pace.turn("chat.postMessage") == 1.5


def test_a_final_text_takes_a_turn_and_waits_for_none():
    clock = Clock(100.0)
    pace = Pace(1.5, clock)
    pace.used("chat.update")

    assert pace.turn("chat.update") == 3.0


def test_a_limit_holds_every_turn_back_until_it_ends():
    clock = Clock(100.0)
    pace = Pace(1.5, clock)
    pace.limited("chat.update", 30)
    late = pace.turn("chat.update")
    clock.advance(60)

    assert (late, pace.turn("chat.update")) == (31.5, 1.5)
