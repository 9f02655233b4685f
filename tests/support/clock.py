"""Test clock: stands still until a test moves it, and can be read as by a machine whose clock is wrong."""

from datetime import datetime, timedelta

from core.domain.clock import Clock, system_clock
from tests.support.talk import NOON


class ManualClock:
    """A clock that a test moves: `clock()` is the time."""

    def __init__(self, start: datetime = NOON) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def skewed(self, seconds: float) -> Clock:
        """The same clock as a machine reads it whose time is `seconds` ahead (or behind, below zero)."""
        return lambda: self.now + timedelta(seconds=seconds)


class Ahead:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.by
