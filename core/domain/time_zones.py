"""Time zones, by their names in the tz database."""

from zoneinfo import ZoneInfo


def is_time_zone(name: str) -> bool:
    """Whether the tz database has a time zone of this name, such as `Europe/Berlin`."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or a folder of names
        return False
    return True
