"""Times as people write them.

Tests core.commands.craft.moments.
"""

from datetime import UTC, datetime

import pytest

from core.commands.craft.moments import UnreadableMoment, parse_moment

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)  # a Wednesday; in Berlin it is 13:30

READ = {
    "today": "2026-11-24T23:00",
    "Yesterday": "2026-11-23T23:00",
    "monday": "2026-11-22T23:00",
    "wed": "2026-11-24T23:00",
    "last wednesday": "2026-11-17T23:00",
    "this week": "2026-11-22T23:00",
    "this month": "2026-10-31T23:00",
    "3 days ago": "2026-11-22T12:30",
    "3d": "2026-11-22T12:30",
    "2h": "2026-11-25T10:30",
    "90 min": "2026-11-25T11:00",
    "last 2 weeks": "2026-11-11T12:30",
    "an hour ago": "2026-11-25T11:30",
    "a month ago": "2026-10-25T12:30",
    "2026-11-20": "2026-11-19T23:00",
    "2026-11-20 15:00": "2026-11-20T14:00",
    "2026-11-20T15:00:00Z": "2026-11-20T15:00",
    "20.11.2026": "2026-11-19T23:00",
    "20.11.": "2026-11-19T23:00",
    "3.4.2026": "2026-04-02T22:00",
    "20 Nov": "2026-11-19T23:00",
    "Nov 20": "2026-11-19T23:00",
    "november 20, 2025": "2025-11-19T23:00",
    "24 Dec": "2025-12-23T23:00",
    "11/20/2026": "2026-11-19T23:00",
    "20/11/2026": "2026-11-19T23:00",
    "\u0663 days ago": "2026-11-22T12:30",
    "9:15": "2026-11-25T08:15",
}


@pytest.mark.parametrize(("words", "at"), READ.items(), ids=READ)
def test_a_time_is_read_in_the_zone_of_who_wrote_it(words, at):
    assert parse_moment(words, NOW, "Europe/Berlin") == datetime.fromisoformat(f"{at}+00:00")


WRONG = {
    "": "is no time that I can read",
    "soon": "is no time that I can read",
    "2026-13-45": "is no time that I can read",
    "tomorrow": "is no time that I can read",
    "30 feb": "is no time that I can read",
    "0000-00-00": "is no time that I can read",
    "9999-12-31": "still to come",
    "in 2027-01-01": "is no time",
    "3/4/2026": "may be two days",
    "x" * 5_000: "is no time that I can read",
    "9" * 30: "is no time that I can read",
    "99999 days ago": "is no time that I can read",
}


@pytest.mark.parametrize(("words", "why"), WRONG.items(), ids=[one[:20] for one in WRONG])
def test_what_names_no_time_is_refused_with_what_would_do(words, why):
    with pytest.raises(UnreadableMoment, match=why) as refused:
        parse_moment(words, NOW, "Europe/Berlin")

    assert len(str(refused.value)) < 300
