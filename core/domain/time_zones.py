"""Time zones, by their names in the tz database."""

from zoneinfo import ZoneInfo

LOCAL = ("localtime", "posixrules", "Factory")  # what a machine's own configuration puts beside the zones
VARIANTS = ("posix/", "right/")  # folders of other versions of all zones, which not every machine has


def is_time_zone(name: str) -> bool:
    """Whether the tz database has a time zone of this name, such as `Europe/Berlin`, on every machine."""
    if name in LOCAL or name.startswith(VARIANTS):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or a folder of names
        return False
    return True
