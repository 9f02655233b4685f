"""Zones: the names of time zones, as the tz database has them."""

from zoneinfo import ZoneInfo


def known(name: str) -> bool:
    """Whether there is such a time zone: `Europe/Berlin`."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or a folder of names
        return False
    return True
