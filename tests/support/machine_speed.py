"""How fast this machine is just now, so that a bound on seconds of work holds on slow ones too."""

import time

REFERENCE = 0.0155  # seconds of the work below on an idle core of 2024
ROUNDS = 200_000


def measure_slowness() -> float:
    """How many times as long as on the reference machine a piece of Python takes; at least 1."""
    return max(1.0, min(_time_work() for _ in range(3)) / REFERENCE)


def _time_work() -> float:
    began, total = time.thread_time(), 0
    for number in range(ROUNDS):
        total += number * number
    return time.thread_time() - began
