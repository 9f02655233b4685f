"""Clock: the time of day and the pause between two tries, injected as arguments so that tests control both."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from core.domain.time_zones import is_time_zone

Clock = Callable[[], datetime]
"""Returns the current time, with its time zone."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits that many seconds, as asyncio.sleep does."""


def system_clock() -> datetime:
    """Return the machine's current time in UTC."""
    return datetime.now(UTC)


def find_local_zone() -> str | None:
    """The name of the machine's time zone, where it says so and keeps to it."""
    name = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    now = system_clock()
    if not is_time_zone(name) or now.astimezone(ZoneInfo(name)).utcoffset() != now.astimezone().utcoffset():
        return None
    return name
