"""Clock: the time of day and the pause between two tries, injected as arguments so that tests control both."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, with its time zone."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits that many seconds, as asyncio.sleep does."""


def system_clock() -> datetime:
    """Return the machine's current time in UTC."""
    return datetime.now(UTC)
