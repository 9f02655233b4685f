"""A process knows from its heartbeats how many others share a platform's limits with it."""

import pytest

from bots.delivery.living_processes import WINDOW, LivingProcesses
from core.domain.messages import Outcome
from core.telemetry import HeartbeatSent, RequestEnded
from tests.fakes.slack.nouns import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


def test_a_process_without_a_heartbeat_counts_itself(clock):
    living = LivingProcesses(clock)
    living(RequestEnded("claude-haiku-5-5", Outcome.SHOWN.value, None))

    assert living.count() == 1


def test_one_that_came_counts_at_once_and_one_that_left_for_a_minute_more(clock):
    living, counts = LivingProcesses(clock), []
    for processes in (1, 3, 2, 2):
        living(HeartbeatSent(processes))
        counts.append(living.count())
        clock.advance(WINDOW / 4)
    clock.advance(WINDOW / 4)

    assert counts == [1, 3, 3, 3]
    assert living.count() == 2


def test_a_process_that_can_not_reach_its_database_goes_on_sharing(clock):
    living = LivingProcesses(clock)
    living(HeartbeatSent(2))
    clock.advance(10 * WINDOW)

    assert living.count() == 2


def test_a_heartbeat_that_counts_nobody_leaves_the_process_itself(clock):
    living = LivingProcesses(clock)
    living(HeartbeatSent(0))

    assert living.count() == 1
