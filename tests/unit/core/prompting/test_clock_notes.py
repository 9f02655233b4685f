"""When the time is told, and how it reads.

Tests core.prompting.clock_notes.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.prompting.clock_notes import describe_time, needs_time

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "zone", "note"),
    [
        (datetime(2026, 11, 27, 8, 12, tzinfo=UTC), "UTC", "[Friday, 27 November 2026, 08:12, UTC]"),
        (
            datetime(2026, 11, 27, 8, 12, tzinfo=UTC),
            "Europe/Berlin",
            "[Friday, 27 November 2026, 09:12, Europe/Berlin, UTC+01:00]",
        ),
        (
            datetime(2026, 11, 27, 23, 5, tzinfo=UTC),
            "Asia/Kolkata",
            "[Saturday, 28 November 2026, 04:35, Asia/Kolkata, UTC+05:30]",
        ),
        (
            datetime(2026, 7, 1, 2, 0, tzinfo=UTC),
            "America/New_York",
            "[Tuesday, 30 June 2026, 22:00, America/New_York, UTC-04:00]",
        ),
    ],
    ids=["UTC", "ahead", "half an hour", "behind, in summer"],
)
def test_a_moment_names_its_weekday_day_time_and_zone(at, zone, note):
    assert describe_time(at.astimezone(ZoneInfo(zone)), zone) == note


@pytest.mark.parametrize(
    ("before", "later", "told"),
    [
        (datetime(2026, 11, 27, 12, 0), timedelta(minutes=59), False),
        (datetime(2026, 11, 27, 12, 0), timedelta(hours=1), True),
        (datetime(2026, 11, 27, 22, 59, 59), timedelta(seconds=2), True),
        (datetime(2026, 10, 25, 0, 59, 59), timedelta(seconds=2), True),
        (datetime(2026, 10, 25, 1, 0, 0), timedelta(minutes=59), False),
        (datetime(2026, 3, 29, 0, 50), timedelta(minutes=20), True),
    ],
    ids=["a short pause", "a long pause", "midnight", "the clock goes back", "in the second 2 o'clock", "forward"],
)
def test_the_time_is_told_where_the_day_the_clock_or_a_long_pause_changes(before, later, told):
    first = before.replace(tzinfo=UTC)

    assert needs_time(first.astimezone(BERLIN), (first + later).astimezone(BERLIN)) is told


def test_another_zone_is_told_though_its_clock_shows_the_same():
    at = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)

    assert needs_time(at.astimezone(BERLIN), at.astimezone(ZoneInfo("Europe/Rome")))
