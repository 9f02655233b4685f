"""The circuit to a model: when requests pass, and when one has to find out."""

import pytest

from core.claude.circuit_breaker import FAILURES, FIRST, LONGEST, LOOK, MANY, OBEYED, CircuitBreaker
from core.claude.errors import ClaudeError

OVERLOAD = ClaudeError("overloaded", "m", "529", transient=True, billed=False)


class Times:
    """A circuit, and a clock that stands until it is moved."""

    def __init__(self) -> None:
        self.circuit_breaker = CircuitBreaker()
        self.now = 100.0

    def fails(self, times: int = 1, trouble: ClaudeError = OVERLOAD) -> None:
        for _ in range(times):
            with pytest.raises(ClaudeError), self.circuit_breaker.request(lambda: self.now):
                raise trouble

    def wait(self) -> float:
        return self.circuit_breaker.closed_for(self.now)


@pytest.fixture
def times():
    return Times()


def test_it_opens_after_some_failures_in_a_row(times):
    times.fails(FAILURES - 1)
    assert (times.wait(), times.circuit_breaker.trouble) == (0, None)

    times.fails()
    assert (times.wait(), times.circuit_breaker.trouble) == (FIRST, OVERLOAD)


def test_a_success_between_failures_keeps_it_closed(times):
    times.fails(FAILURES - 1)
    with times.circuit_breaker.request(lambda: times.now) as note_first_text:
        note_first_text()
    times.fails(FAILURES - 1)

    assert times.wait() == 0


@pytest.mark.parametrize("kind", ["broken off", "key", "too long"])
def test_what_is_a_requests_own_trouble_opens_nothing(times, kind):
    times.fails(9, ClaudeError(kind, "m", "", transient=kind == "broken off"))

    assert times.circuit_breaker.trouble is None


def test_after_the_pause_one_request_finds_out_and_the_others_wait(times):
    times.fails(FAILURES)
    times.now += FIRST

    assert times.wait() == 0
    with times.circuit_breaker.request(lambda: times.now):
        assert times.wait() == LOOK


def test_each_probe_that_fails_makes_the_pause_longer(times):
    times.fails(FAILURES)

    pauses = []
    for _ in range(5):
        pauses.append(times.wait())
        times.now += pauses[-1]
        times.fails()

    assert pauses == [FIRST, 2 * FIRST, LONGEST, LONGEST, LONGEST]


def test_after_a_success_twice_as_many_may_go_until_any_number_may(times):
    times.fails(FAILURES)
    times.now += FIRST

    most = []
    while times.circuit_breaker.trouble:
        with times.circuit_breaker.request(lambda: times.now) as begun:
            begun()
            begun()
        most.append(times.circuit_breaker._most)

    assert most == [2, 4, 8, 16, 32, MANY]
    assert times.wait() == 0


def test_while_it_mends_one_failure_is_borne_and_two_in_a_row_open_it_again(times):
    times.fails(FAILURES)
    times.now += FIRST
    with times.circuit_breaker.request(lambda: times.now) as note_first_text:
        note_first_text()

    times.fails()
    assert times.wait() == 0
    times.fails()
    assert times.wait() == FIRST


def test_what_was_sent_before_it_opened_does_not_make_the_pause_longer(times):
    times.fails(40)

    assert times.wait() == FIRST


@pytest.mark.parametrize(("said", "obeyed"), [(20, 20), (1, FIRST), (86_400, OBEYED)])
def test_the_apis_own_word_for_how_long_is_obeyed(times, said, obeyed):
    times.fails(FAILURES, ClaudeError("limited", "m", "429", retry_after=said, transient=True, billed=False))

    assert times.wait() == obeyed


def test_a_probe_that_is_stopped_leaves_its_place_to_the_next(times):
    times.fails(FAILURES)
    times.now += FIRST
    with pytest.raises(KeyboardInterrupt), times.circuit_breaker.request(lambda: times.now):
        raise KeyboardInterrupt

    assert times.wait() == 0
    assert times.circuit_breaker.trouble is OVERLOAD


def test_a_request_that_was_never_sent_says_nothing_of_the_model(times):
    times.fails(FAILURES)
    times.now += FIRST
    with times.circuit_breaker.request(lambda: times.now):
        pass  # a budget forbade it

    assert times.circuit_breaker.trouble is OVERLOAD
    assert times.wait() == 0
