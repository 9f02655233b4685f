"""The test clock, and the system's."""

from datetime import UTC, datetime, timedelta

from core.domain.clock import system_clock
from tests.support.clock import ManualClock
from tests.support.talk import NOON


def test_a_manual_clock_stands_still_until_it_is_moved():
    clock = ManualClock()
    before = clock(), clock()
    clock.tick(90)

    assert before == (NOON, NOON)
    assert clock() == NOON + timedelta(seconds=90)


def test_a_skewed_clock_moves_with_the_true_one():
    clock = ManualClock()
    ahead, behind = clock.skewed(30), clock.skewed(-30)
    clock.tick(10)

    assert (ahead() - clock(), behind() - clock()) == (timedelta(seconds=30), timedelta(seconds=-30))


def test_the_system_clock_tells_the_time_in_utc():
    before = datetime.now(UTC)
    told = system_clock()

    assert before <= told <= datetime.now(UTC)
    assert told.tzinfo is UTC
