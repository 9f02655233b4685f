"""Clock: the time of day, time zones, and the pause between two tries; tests give the first and the last."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

UTC_NAMES = ("UTC", "Etc/UTC", "Etc/UCT", "Zulu")
LOCAL = ("localtime", "posixrules", "Factory")  # what a machine's own configuration puts beside the zones
VARIANTS = ("posix/", "right/")  # folders of other versions of all zones, which not every machine has

Clock = Callable[[], datetime]
"""Returns the current time, with its time zone."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits that many seconds, as asyncio.sleep does."""


def system_clock() -> datetime:
    """Return the machine's current time in UTC."""
    return datetime.now(UTC)


def is_time_zone(name: str) -> bool:
    """Whether the tz database has a time zone of this name, such as `Europe/Berlin`, on every machine."""
    if name in LOCAL or name.startswith(VARIANTS):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or a folder of names
        return False
    return True


def find_local_zone() -> str | None:
    """The name of the machine's time zone, where it says so and keeps to it."""
    name = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    now = system_clock()
    if not is_time_zone(name) or now.astimezone(ZoneInfo(name)).utcoffset() != now.astimezone().utcoffset():
        return None
    return "UTC" if name in UTC_NAMES else name
