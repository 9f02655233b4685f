"""Retry policy: how long and how often Claude is asked again, and what people are told."""

import pytest

from core.claude.errors import ClaudeError
from core.claude.retry import BOUND, COSTLY, NOTES, SILENT, Backoff, RetryPolicy


class Asked:
    """Asks again and again, on a clock that its own pauses move."""

    def __init__(self, another: bool = False) -> None:
        self.now = 50.0
        self.told: list[tuple[float, str]] = []
        self.pauses: list[float] = []
        self.retry_policy = RetryPolicy(lambda: self.now, another)

    def note(self, pause: Backoff) -> float:
        """The seconds of a pause, and what is told of it."""
        if pause.note:
            self.told.append((self.now - 50, pause.note))
        return pause.seconds

    def until_given_up(self, trouble: ClaudeError) -> ClaudeError:
        with pytest.raises(ClaudeError) as raised:
            while True:
                self.pauses.append(self.note(self.retry_policy.back_off(trouble)))
                self.now += self.pauses[-1]
        return raised.value


def trouble(kind="overloaded", **fields) -> ClaudeError:
    return ClaudeError(kind, "m", "", **{"transient": True, "billed": False, **fields})


@pytest.mark.parametrize("kind", NOTES)
def test_what_costs_nothing_is_tried_until_the_bound_and_told_early(kind):
    asked = Asked()

    asked.until_given_up(trouble(kind))

    assert BOUND - 31 < sum(asked.pauses) <= BOUND
    assert [round(pause - 0.25) for pause in asked.pauses[:6]] == [1, 2, 4, 8, 16, 30]
    assert asked.told[0][0] < SILENT
    assert {note for _, note in asked.told} == {NOTES[kind]}


@pytest.mark.parametrize(
    "costly", [trouble("broken off", billed=True), trouble(billed=True), trouble("rejected")], ids=lambda one: one.kind
)
def test_what_may_be_billed_or_never_passes_is_tried_a_few_times(costly):
    asked = Asked()

    asked.until_given_up(costly)

    assert len(asked.pauses) == COSTLY - 1


@pytest.mark.parametrize("hopeless", [trouble("key", transient=False), trouble("limited", retry_after=BOUND + 1)])
def test_what_is_of_no_use_is_not_tried_again(hopeless):
    asked = Asked()

    assert asked.until_given_up(hopeless) is hopeless
    assert (asked.pauses, asked.told) == ([], [])


def test_the_apis_word_is_a_pause_but_never_a_shorter_one_than_ours():
    asked = Asked()

    assert asked.retry_policy.back_off(trouble(retry_after=40.0)).seconds == 40.0
    assert asked.retry_policy.back_off(trouble(retry_after=0.0)).seconds >= 2.0
    assert asked.retry_policy.back_off(trouble(retry_after=-9.0)).seconds >= 4.0


def test_where_another_model_could_answer_it_is_asked_soon():
    asked = Asked(another=True)

    asked.until_given_up(trouble())

    assert len(asked.pauses) == 1


def test_where_another_model_could_answer_nobody_waits_for_an_open_circuit():
    with pytest.raises(ClaudeError):
        Asked(another=True).retry_policy.wait(trouble(), 5.0)


def test_another_model_is_no_help_where_claude_cannot_be_reached():
    asked = Asked(another=True)

    assert asked.retry_policy.wait(trouble("unreachable"), 6.0) == Backoff(6.0, NOTES["unreachable"])
