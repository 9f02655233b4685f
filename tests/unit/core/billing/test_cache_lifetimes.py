"""Cache lifetimes: what is chosen by how people pause costs less than either lifetime alone.

Tests core.billing.cache_lifetimes.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from core.billing.cache_lifetimes import (
    AUTO,
    Pause,
    PauseHistogram,
    PauseRecord,
    choose_lifetime,
    measure_pause,
    record_pause,
)
from tests.support.pause_traces import at, bill, generate_traces, know_future
from tests.support.short_form import SHARE

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SEEN = 200  # pauses, after which what was learned has to hold
SEEDS = range(8 // SHARE)


def ago(*minutes):
    return [NOW - timedelta(minutes=one) for one in minutes]


class Learner:
    """Chooses as an answer does, and counts as the store does."""

    def __init__(self):
        self.asked, self.followed, self.pauses, self.since = Counter(), Counter(), 0, None

    def choose(self, one, past):
        times = [at(each) for each in (*past, one)]
        chosen = choose_lifetime(AUTO, times, [each.size for each in (*past, one)], self.histogram)
        record = record_pause(times)
        self.asked[record.came] += 1
        self.followed[record.before] += record.came is Pause.MIDDLE
        self.pauses += record.before is not None
        if self.pauses == SEEN and self.since is None:
            self.since = one.at
        return chosen

    @property
    def histogram(self):
        return PauseHistogram(self.asked, self.followed)


def compare(trace):
    """What each costs from the two hundredth pause on: five minutes, an hour, the learner, the best in hindsight."""
    learner = Learner()
    bill(trace, learner.choose)
    fixed = [bill(trace, lambda *_, ttl=ttl: ttl, learner.since) for ttl in ("5m", "1h")]
    return [*fixed, bill(trace, Learner().choose, learner.since), bill(trace, know_future(trace), learner.since)]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_chosen_costs_less_than_the_better_lifetime_and_hardly_more_than_what_knew_the_future(seed):
    costs = {name: compare(trace) for name, trace in generate_traces(seed).items()}
    five, hour, chosen, best = (sum(column) for column in zip(*costs.values(), strict=True))

    assert len(costs) == 6
    assert {name: paid / min(fixed) for name, (*fixed, paid, _) in costs.items() if paid > 1.02 * min(fixed)} == {}
    assert chosen / min(five, hour) <= 0.92
    assert chosen / best <= 1.15


def test_a_pause_is_measured_by_what_a_cache_outlives():
    times = [*ago(70, 5, 1), NOW]

    assert [measure_pause(NOW - timedelta(seconds=one), NOW) for one in (-60, 0, 299, 300, 3599, 3600)] == [
        *[Pause.SHORT] * 3,
        *[Pause.MIDDLE] * 2,
        Pause.LONG,
    ]
    assert record_pause(times[:1]) == PauseRecord(Pause.NONE)
    assert record_pause(times[:2]) == PauseRecord(Pause.LONG, Pause.NONE)
    assert record_pause(times) == PauseRecord(Pause.SHORT, Pause.SHORT)


def test_before_anything_was_seen_a_beginning_is_kept_for_five_minutes_and_a_conversation_for_an_hour():
    assert choose_lifetime(AUTO, [NOW], [2000], PauseHistogram()) == "5m"
    assert choose_lifetime(AUTO, [*ago(2), NOW], [2000, 2300], PauseHistogram()) == "1h"


@pytest.mark.parametrize(("followed", "chosen"), [(90, "1h"), (2, "5m")])
def test_what_followed_such_questions_decides(followed, chosen):
    seen = PauseHistogram({Pause.NONE: 100, Pause.SHORT: 100}, {Pause.NONE: followed, Pause.SHORT: followed})

    assert choose_lifetime(AUTO, [NOW], [2000], seen) == chosen
    assert choose_lifetime(AUTO, [*ago(2), NOW], [2000, 2300], seen) == chosen


def test_a_prompt_that_is_gone_from_the_cache_is_written_anew_for_less():
    """Writing all for an hour is dear, where adding a little to what is kept is not."""
    seen = PauseHistogram({Pause.MIDDLE: 100}, {Pause.MIDDLE: 30})

    assert choose_lifetime(AUTO, [*ago(30), NOW], [2000, 2300], seen) == "5m"
    assert choose_lifetime(AUTO, [*ago(32, 30), NOW], [1800, 2000, 2300], PauseHistogram()) == "1h"


def test_of_more_questions_than_prompts_the_newest_count():
    assert choose_lifetime(AUTO, [*ago(90, 2), NOW], [2000, 2300], PauseHistogram()) == "1h"
    assert choose_lifetime(AUTO, [NOW], [1000, 2000, 2300], PauseHistogram()) == "5m"


def test_what_is_set_is_what_is_taken():
    assert [choose_lifetime(ttl, [NOW], [2000], PauseHistogram()) for ttl in ("5m", "1h")] == ["5m", "1h"]
