"""Edits of growing texts are shared fairly, inside of what Slack takes in a minute, and spare what final texts need."""

import asyncio
import itertools
from collections import Counter
from contextlib import ExitStack

import pytest

from bots.slack.throttle import APPEND, EDIT, HOLD, LOOK, MARGIN, MINUTE, PAUSE, TIERS, Growth, Throttle
from tests.fakes.slack.nouns import Clock

STEP = 0.01  # seconds between two looks at the clock


class Writer:
    """A reply that always has more to say, and shows it each time that it has a turn."""

    def __init__(self, throttle: Throttle, clock: Clock) -> None:
        self._throttle, self._clock = throttle, clock
        self.shown: list[float] = []
        self._again = clock()
        with throttle.grow() as self.growth:
            pass
        self.growth.show("first words")

    def look(self) -> None:
        if self._clock() < self._again:
            return
        wait = self.growth.take_turn()
        if wait == 0.0:
            with self._throttle.spend(EDIT):
                self.shown.append(self._clock())
        self._again = self._clock() + wait


def write(clock: Clock, writers: list[Writer], seconds: float) -> list[float]:
    """Let all of them write for so long; when each turn came, from the beginning on."""
    began = clock()
    while clock() < began + seconds:
        for one in writers:
            one.look()
        clock.advance(STEP)
    return sorted(at - began for one in writers for at in one.shown)


def edit(throttle: Throttle, times: int) -> None:
    for _ in range(times):
        with throttle.spend(EDIT):
            pass


def list_gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def count_most(times: list[float]) -> int:
    """The most of these calls that lie in one minute."""
    return max(sum(1 for other in times if at <= other < at + MINUTE) for at in times)


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def throttle(clock) -> Throttle:
    return Throttle(clock=clock)


def test_a_text_that_grows_alone_is_shown_fast_for_20_seconds_and_then_steadily(clock, throttle):
    shown = write(clock, [Writer(throttle, clock)], 300)

    gaps = list_gaps([0.0, *shown])
    fast = [gap for at, gap in zip(shown, gaps, strict=True) if at <= 20]
    slow = [gap for at, gap in zip(shown, gaps, strict=True) if at > 23]
    assert 17 <= len(fast) <= 20
    assert all(1.0 <= gap <= 1.2 for gap in fast)
    assert all(1.0 <= gap <= 1.9 for gap in slow)
    assert sum(gap < 1.75 for gap in slow) <= len(slow) / 20
    assert count_most(shown) <= TIERS[EDIT] - 6


def test_a_text_that_grows_after_a_burst_of_short_answers_is_fast_too_and_never_stands_still(clock, throttle):
    edit(throttle, 20)
    shown = write(clock, [Writer(throttle, clock)], 120)

    gaps = list_gaps([0.0, *shown])
    assert all(1.0 <= gap <= 1.25 for at, gap in zip(shown, gaps, strict=True) if at <= 10)
    assert max(gaps) < 3
    assert count_most([*[0.0] * 20, *shown]) <= TIERS[EDIT]


def test_what_was_saved_up_is_there_again_after_a_quiet_while(clock, throttle):
    first = Writer(throttle, clock)
    write(clock, [first], 60)
    first.growth.end()
    clock.advance(60)
    shown = write(clock, [Writer(throttle, clock)], 15)

    assert len(shown) >= 13


@pytest.mark.parametrize("count", [2, 5, 30])
def test_each_of_many_texts_gets_its_share_and_all_can_end_at_once(clock, throttle, count):
    writers = [Writer(throttle, clock) for _ in range(count)]
    shown = write(clock, writers, 300)
    shares = [len(one.shown) for one in writers]
    free = TIERS[EDIT] - sum(1 for at in shown if at > 300 - MINUTE)

    assert max(shares) - min(shares) <= 1
    assert min(shares) >= 3
    assert free >= count
    assert count_most(shown) <= TIERS[EDIT]


def test_a_first_text_is_held_for_a_moment_and_while_no_edit_is_left_to_end_it_with(clock, throttle):
    edit(throttle, TIERS[EDIT] - 1)
    growing = [Writer(throttle, clock)]
    with throttle.grow() as growth:
        waits = [growth.take_turn()]
        for pause in (HOLD + STEP, LOOK, MINUTE + MARGIN):
            clock.advance(pause)
            waits.append(growth.take_turn())

    assert waits == [pytest.approx(HOLD), LOOK, LOOK, 0.0]
    assert growing[0].shown == []


def test_a_text_begins_to_grow_however_much_others_have_shown_of_theirs(clock, throttle):
    write(clock, [Writer(throttle, clock) for _ in range(12)], 2 * MINUTE)
    with throttle.grow() as growth:
        growth.take_turn()
        clock.advance(HOLD + STEP)

        assert growth.take_turn() == 0.0


def test_a_text_that_is_streamed_begins_also_where_no_edit_is_left_to_end_one_with(clock, throttle):
    edit(throttle, TIERS[EDIT])
    with throttle.grow() as growth:
        growth.take_turn(streaming=True)
        clock.advance(HOLD + STEP)

        assert growth.take_turn(streaming=True) == 0.0
        assert growth.take_turn() == LOOK


def begin_streams(throttle: Throttle, clock: Clock, stack: ExitStack, count: int) -> list[Growth]:
    """So many texts that have begun to grow by appends."""
    growing = [stack.enter_context(throttle.grow()) for _ in range(count)]
    for one in growing:
        one.take_turn(streaming=True)
        one.show("first words")
        clock.advance(STEP)
    return growing


def test_texts_that_are_streamed_take_no_edits_from_those_that_are_edited(clock, throttle):
    with ExitStack() as stack:
        begin_streams(throttle, clock, stack, TIERS[EDIT])
        edited = stack.enter_context(throttle.grow())
        edited.take_turn()
        clock.advance(HOLD + STEP)

        assert edited.take_turn() == 0.0


def test_a_text_whose_stream_has_ended_goes_on_by_edits_in_the_order_in_which_all_were_served(clock, throttle):
    with ExitStack() as stack:
        first, second = begin_streams(throttle, clock, stack, 2)
        writer = Writer(throttle, clock)
        clock.advance(PAUSE + STEP)
        waits = [second.take_turn(), writer.growth.take_turn(), first.take_turn()]
        with throttle.spend(APPEND):
            pass

        assert waits[0] == 0.0
        assert min(waits[1:]) >= 0.0
        assert set(throttle.growing[EDIT]._served) == {first, second, writer.growth}
        assert not throttle.growing[APPEND]._served


def test_a_text_that_is_cancelled_while_it_waits_for_its_turn_gives_it_to_the_next(clock, throttle):
    with pytest.raises(asyncio.CancelledError), throttle.grow() as first:
        first.show("first words")
        edit(throttle, TIERS[EDIT])
        clock.advance(PAUSE)
        waited = first.take_turn()
        raise asyncio.CancelledError
    clock.advance(2 * MINUTE)
    second = Writer(throttle, clock)
    clock.advance(PAUSE)

    assert waited > 0.0
    assert second.growth.take_turn() == 0.0


def test_a_text_that_ends_gives_its_turn_to_the_next(clock, throttle):
    first, second = Writer(throttle, clock), Writer(throttle, clock)
    clock.advance(PAUSE / 2)
    third = Writer(throttle, clock)
    edit(throttle, TIERS[EDIT] - 4)
    waits = [first.growth.take_turn(), second.growth.take_turn(), third.growth.take_turn()]
    first.growth.end()
    second.growth.end()
    clock.advance(MINUTE + 2)

    assert all(wait > 0 for wait in waits)
    assert third.growth.take_turn() == 0.0


def test_who_waits_behind_others_looks_again_soon(clock, throttle):
    edit(throttle, TIERS[EDIT])
    first = Writer(throttle, clock)
    clock.advance(PAUSE)
    second = Writer(throttle, clock)
    first.growth.take_turn()

    assert 0 < second.growth.take_turn() <= LOOK


def test_a_refusal_holds_every_text_back_until_it_ends(clock, throttle):
    writer = Writer(throttle, clock)
    clock.advance(PAUSE)
    throttle.hold_back(EDIT, "C1", 30)
    throttle.hold_back(EDIT, "C2", 1)
    held = [writer.growth.take_turn(), throttle.seconds_until_free(EDIT, spare=True), throttle.seconds_until_free(EDIT)]
    clock.advance(30)

    assert held == pytest.approx([30.0, 30.0, 0.0])
    assert writer.growth.take_turn() == 0.0


def test_a_refused_post_holds_back_those_of_its_channel(throttle):
    throttle.hold_back("chat.postMessage", "C1", 30)

    assert throttle.seconds_held("chat.postMessage", "C1") == 30.0
    assert throttle.seconds_held("chat.postMessage", "C2") == 0.0


def test_a_final_text_waits_only_where_slack_would_refuse_it(clock, throttle):
    edit(throttle, TIERS[EDIT] - 1)
    before = throttle.seconds_until_free(EDIT)
    clock.advance(10)
    edit(throttle, 1)

    assert before == 0.0
    assert throttle.seconds_until_free(EDIT) == pytest.approx(MINUTE + 2 - 10)


def test_a_call_counts_from_its_answer_on(clock, throttle):
    with throttle.spend(EDIT):
        edit(throttle, TIERS[EDIT] - 1)
        clock.advance(MINUTE + 2)
        under_way = throttle.growing[EDIT]._count_used()
    clock.advance(MINUTE + 1)

    assert (under_way, throttle.growing[EDIT]._count_used()) == (1, 1)


def test_posts_are_counted_in_each_channel_and_a_third_is_spared(clock, throttle):
    for _ in range(40):
        with throttle.spend("chat.postMessage", "C1"):
            pass
    full = throttle.seconds_until_free("chat.postMessage", "C1", spare=True)

    assert full == pytest.approx(MINUTE + 2)
    assert throttle.seconds_until_free("chat.postMessage", "C1") == 0.0
    assert throttle.seconds_until_free("chat.postMessage", "C2", spare=True) == 0.0


def test_channels_that_are_quiet_are_forgotten(clock, throttle):
    for number in range(1000):
        with throttle.spend("chat.postMessage", f"C{number}"):
            clock.advance(1)

    assert len(throttle._budgets) < 150


def test_processes_share_what_slack_takes(clock):
    living = Counter(processes=1)
    throttle = Throttle(clock=clock, processes=lambda: living["processes"])
    living["processes"] = 5
    shown = write(clock, [Writer(throttle, clock), Writer(throttle, clock)], 600)

    assert count_most(shown) <= TIERS[EDIT] / 5
    assert len(shown) >= 600 / MINUTE * 5


def test_what_has_no_tier_is_never_waited_for(throttle):
    with throttle.spend("users.info"):
        assert throttle.seconds_until_free("users.info") == 0.0
