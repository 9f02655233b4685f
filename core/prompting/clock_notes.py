"""Clock notes: which day and time it is, in a line above a message, as the speaker's clock shows it. Pure."""

from datetime import datetime, timedelta

from core.domain.clock import UTC_NAMES, name_known_zone

PAUSE = timedelta(hours=1)  # after which the time is told again on the same day


def needs_time(before: datetime, at: datetime) -> bool:
    """Whether the time has to be told: the day, the time zone or its clock is another, or the pause was long."""
    same = (before.date(), before.utcoffset(), str(before.tzinfo)) == (at.date(), at.utcoffset(), str(at.tzinfo))
    return not same or at - before >= PAUSE  # as long as the clock faces have it, in one zone with one offset


def describe_time(at: datetime, zone: str) -> str:
    """A moment as a note: `[Friday, 27 November 2026, 09:12, Europe/Berlin, UTC+01:00]`."""
    offset = f"{at:%z}"
    known = name_known_zone(zone)
    where = "UTC" if known in UTC_NAMES else f"{known}, UTC{offset[:3]}:{offset[3:5]}"
    return f"[{at:%A}, {at.day} {at:%B %Y, %H:%M}, {where}]"
