"""Clock: the time of day, time zones, and the pause between two tries; tests give the first and the last."""

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
UTC_NAMES = ("UTC", "Etc/UTC", "Etc/UCT", "Zulu")
LOCAL = ("localtime", "posixrules", "Factory")  # what a machine's own configuration puts beside the zones
VARIANTS = ("posix/", "right/")  # folders of other versions of all zones, which not every machine has
ZONES = 1_000  # names whose zones are kept; the tz database has 600

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
"""Returns the current time, with its time zone."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits that many seconds, as asyncio.sleep does."""


def system_clock() -> datetime:
    """Return the machine's current time in UTC."""
    return datetime.now(UTC)


def count_seconds() -> float:
    """Seconds since the machine has started: they pass while it sleeps, and no change of its clock moves them."""
    return time.clock_gettime(BOOT)


def steady_clock() -> datetime:
    """A clock of this machine alone that no change of its time of day moves: only differences mean anything."""
    return BEGINNING + timedelta(seconds=count_seconds())


def is_time_zone(name: str) -> bool:
    """Whether the tz database has a time zone of this name, such as `Europe/Berlin`, on every machine."""
    if name in LOCAL or name.startswith(VARIANTS):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or a folder of names
        return False
    return True


def load_zone(name: str) -> tzinfo:
    """The time zone of this name that was chosen once; UTC where this machine's tz database does not have it."""
    return _find_zone(name) or UTC


def name_known_zone(name: str) -> str:
    """This name of a time zone that was chosen once; `UTC` where this machine's tz database does not have it."""
    return name if _find_zone(name) else "UTC"


@lru_cache(maxsize=ZONES)
def _find_zone(name: str) -> ZoneInfo | None:
    """The zone of a name. The first time that there is none is logged: another machine may have had it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # as in is_time_zone
        log.warning("this machine's tz database has no time zone %.60r; UTC holds in its place: update tzdata", name)
        return None


def find_local_zone() -> str | None:
    """The name of the machine's time zone, where it says so and keeps to it."""
    name = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    now = system_clock()
    if not is_time_zone(name) or now.astimezone(ZoneInfo(name)).utcoffset() != now.astimezone().utcoffset():
        return None
    return "UTC" if name in UTC_NAMES else name
