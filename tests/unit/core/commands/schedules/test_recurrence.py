"""Recurrence: words and cron become the times that they mean, whatever the clocks of a zone do.

Tests core.commands.schedules.recurrence, core.commands.schedules.refusals.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands.schedules.recurrence import (
    DAYS,
    OFTEN,
    Recurrence,
    UnreadableRecurrence,
    parse_recurrence,
    split_recurrence,
)

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 11, 28, 13, 0, tzinfo=UTC)  # a Saturday
ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "Africa/Cairo")

SAID = {
    "every day at 9": "0 9 * * *",
    "daily at 9:30": "30 9 * * *",
    "every day": "0 9 * * *",
    "at 9 every day": "0 9 * * *",
    "9:15 every weekday": "15 9 * * 1-5",
    "Every Weekday 9:00": "0 9 * * 1-5",
    "weekdays at 9am": "0 9 * * 1-5",
    "every working day, 8.45": "45 8 * * 1-5",
    "every weekend at noon": "0 12 * * 0,6",
    "every monday and thursday 14:30": "30 14 * * 1,4",
    "mondays, wednesdays and fridays at 5 pm": "0 17 * * 1,3,5",
    "every mon, wed, fri 12:00": "0 12 * * 1,3,5",
    "every tues & thurs at 9": "0 9 * * 2,4",
    "monday to friday at 9": "0 9 * * 1,2,3,4,5",
    "friday to monday at 7": "0 7 * * 5,6,0,1",
    "weekly on friday at 16:00": "0 16 * * 5",
    "every day at 9 and 17": "0 9,17 * * *",
    "every day at 12am": "0 0 * * *",
    "every day at 12 p.m.": "0 12 * * *",
    "every day at 9 o'clock": "0 9 * * *",
    "every hour": "0 * * * *",
    "hourly": "0 * * * *",
    "every half hour": "*/30 * * * *",
    "every 2 hours": "0 */2 * * *",
    "every 15 minutes": "*/15 * * * *",
    "every first monday of the month": "0 9 * * 1#1",
    "every first monday at 10": "0 10 * * 1#1",
    "every first and third tuesday of the month at 10:30": "30 10 * * 2#1,2#3",
    "last friday of every month at 15:00": "0 15 * * 5L",
    "every month": "0 9 1 * *",
    "monthly on the 15th": "0 9 15 * *",
    "every month on the 1st and 15th at 8": "0 8 1,15 * *",
    "1st of the month at 8": "0 8 1 * *",
    "every last day of the month at 18:00": "0 18 L * *",
    "weekly": "0 9 * * 1",
    "every week at 10": "0 10 * * 1",
    "every morning": "0 9 * * *",
    "every morning at 8": "0 8 * * *",
    "every 24 hours": "0 9 * * *",
    "every 60 minutes": "0 * * * *",
    "every 120 minutes": "0 */2 * * *",
    "every 1st at 9": "0 9 1 * *",
    "every 1st and 15th at 8": "0 8 1,15 * *",
    "every noon": "0 12 * * *",
    "midnight": "0 0 * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "0 9 * * 1-5": "0 9 * * 1-5",
    "*/20 8-17 * * mon-fri": "*/20 8-17 * * MON-FRI",
    "30 9 * * 1#1": "30 9 * * 1#1",
    "0,55 9,11 * * *": "0,55 9,11 * * *",
    "0 9 29 2 *": "0 9 29 2 *",
}


@pytest.mark.parametrize(("words", "cron"), SAID.items(), ids=list(SAID))
def test_words_are_read_as_people_mean_them(words, cron):
    assert parse_recurrence(words, BERLIN, NOW) == Recurrence(cron)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "tomorrow",
        "every",
        "every moonday",
        "every day at 25",
        "every day at 9:75",
        "every day at 13pm",
        "every hour at 9",
        "every other week",
        "every 7 hours",
        "every 0 minutes",
        "monthly on the 32nd",
        "every first of",
        "61 9 * * *",
        "0 9 30 2 *",
        "0 0 9 * * *",
        "0 9 * * 8",
        "every day at 9:00 and 17:30",
        "9 " * 200,
    ],
)
def test_what_names_no_times_is_refused_with_a_sentence(words):
    with pytest.raises(UnreadableRecurrence) as refused:
        parse_recurrence(words, BERLIN, NOW)

    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("words", ["* * * * *", "every 5 minutes", "0,5 9 * * *", "0,55 9,10 * * *"])
def test_nothing_comes_more_often_than_every_ten_minutes(words):
    with pytest.raises(UnreadableRecurrence, match="at most every 10 minutes"):
        parse_recurrence(words, BERLIN, NOW)


@pytest.mark.parametrize(
    ("text", "cron", "rest"),
    [
        ('"every weekday 9:00" summarize since=yesterday', "0 9 * * 1-5", "summarize since=yesterday"),
        ("“every day at 9” Good morning!", "0 9 * * *", "Good morning!"),
        ("'0 9 * * *' say \"hello\"", "0 9 * * *", 'say "hello"'),
        ("every weekday 9:00 summarize since=yesterday", "0 9 * * 1-5", "summarize since=yesterday"),
        ('"every day at 9" and tell us a joke', "0 9 * * *", "and tell us a joke"),
        ("every day at 9, summarize", "0 9 * * *", "summarize"),
        ("every day at 9: tell us a joke", "0 9 * * *", "tell us a joke"),
        ("0 9 * * 1 summarize", "0 9 * * 1", "summarize"),
        ("every day at 9\nTwo lines\nof words", "0 9 * * *", "Two lines\nof words"),
        ('"every day"', "0 9 * * *", ""),
    ],
)
def test_times_stand_in_quotation_marks_or_as_many_words_as_are_times(text, cron, rest):
    assert split_recurrence(text, BERLIN, NOW) == (Recurrence(cron), rest)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("every monday at 25 summarize", "every monday"),
        ("each monday at nine usage", "each monday"),
        ("every weekday 0900 usage", "every weekday"),
        ("every 30 minutes between 9 and 17 usage", "every 30 minutes"),
        ("every tuesday except holidays usage", "every tuesday"),
        ("every weekday at 9 until december usage", "every weekday at 9"),
        ("every day at 9 to summarize", "every day at 9"),
        ("every day at 9 and tell us a joke", "every day at 9"),
        ("every monday, at nine tell us a joke", "every monday"),
        ("every day before lunch draft code", "every day"),
        ("every day please summarize", "every day"),
    ],
)
def test_times_without_quotation_marks_of_which_only_a_part_can_be_read_are_refused(text, said):
    with pytest.raises(UnreadableRecurrence, match=f"I read only `{said}` as times, and not `") as refused:
        split_recurrence(text, BERLIN, NOW, ("summarize", "usage", "draft code"))

    assert "Put the times in quotation marks: `schedule add" in str(refused.value)


def test_times_of_which_no_schedule_can_be_made_are_not_read_in_part():
    with pytest.raises(UnreadableRecurrence, match="make two schedules of it"):
        split_recurrence("every day at 9:00 and 10:30 and at 17:00 usage", BERLIN, NOW)


@pytest.mark.parametrize(
    "text",
    ["tomorrow at 10", "in 5 minutes", "at 10 tomorrow", "next monday", "once", "2026-12-01 10:00", "today at 9"],
)
def test_who_names_one_time_is_told_that_schedules_repeat(text):
    for said in (f'"{text}" tell us a joke', f"{text} tell us a joke"):
        with pytest.raises(UnreadableRecurrence, match="nothing is posted for one time only"):
            split_recurrence(said, BERLIN, NOW)


def test_what_can_not_be_read_is_quoted_up_to_the_end_of_a_word():
    with pytest.raises(
        UnreadableRecurrence, match="I can't read `whenever it rains tell us about the plain in Spain, and …`"
    ):
        split_recurrence("whenever it rains tell us about the plain in Spain, and whatever", BERLIN, NOW)


def test_times_that_come_too_often_are_no_words_for_claude():
    with pytest.raises(UnreadableRecurrence, match="too often"):
        split_recurrence("every 5 minutes say hello", BERLIN, NOW)


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ("every 2 weeks", "`every first and third monday of the month at 9`"),
        ("every other monday at 9", "`every first and third monday of the month at 9`"),
        ("fortnightly", "`every first and third monday of the month at 9`"),
        ("every other day", "`every monday, wednesday and friday at 9`"),
        ("every 3 days", "`every monday, wednesday and friday at 9`"),
        ("twice a day", "`every day at 9 and 17`"),
        ("quarterly", "`0 9 1 1,4,7,10 *`"),
        ("every 90 minutes", "Take `every hour` or `every 2 hours`."),
        ("every 25 minutes", "Take `every 20 minutes` or `every 30 minutes`."),
        ("every 5 hours", "Take `every 4 hours` or `every 6 hours`."),
        ("every 36 hours", "Take `every day`."),
        ("every minute", "at most every 10 minutes"),
        ("0 0 31 2 *", "`0 0 31 2 *` names a day that never comes."),
        ("0 9 30 2 *", "`0 9 30 2 *` names a day that never comes."),
    ],
)
def test_what_people_try_is_refused_with_what_is_near_to_it(words, mend):
    for said in (f'"{words}" usage', f"{words} usage"):
        with pytest.raises(UnreadableRecurrence) as refused:
            split_recurrence(said, BERLIN, NOW)

        assert mend in str(refused.value)


def test_what_is_understood_is_told_in_words():
    told = [
        parse_recurrence(words, BERLIN, NOW).words for words in ("every weekday 9:00", "every first monday", "hourly")
    ]

    assert told == [
        "at 09:00 on Monday through Friday",
        "at 09:00 on the first Monday of the month",
        "at the start of every hour",
    ]


def list_local(cron, start, count=3, zone=BERLIN):
    times = islice(Recurrence(cron).list_times(zone, start), count)
    return [f"{at.astimezone(ZoneInfo(zone)):%d %H:%M%z}" for at in times]


def test_nine_o_clock_stays_nine_o_clock_when_the_clocks_change():
    spring = list_local("0 9 * * *", datetime(2026, 3, 28, 0, 0, tzinfo=UTC))
    autumn = list_local("0 9 * * *", datetime(2026, 10, 24, 0, 0, tzinfo=UTC))

    assert spring == ["28 09:00+0100", "29 09:00+0200", "30 09:00+0200"]
    assert autumn == ["24 09:00+0200", "25 09:00+0100", "26 09:00+0100"]


def test_a_time_that_the_clocks_leave_out_comes_once_right_after_the_change():
    assert list_local("30 2 * * *", datetime(2026, 3, 28, 12, 0, tzinfo=UTC)) == [
        "29 03:00+0200",
        "30 02:30+0200",
        "31 02:30+0200",
    ]


def test_a_time_that_the_clocks_bring_twice_comes_once():
    assert list_local("30 2 * * *", datetime(2026, 10, 24, 12, 0, tzinfo=UTC)) == [
        "25 02:30+0200",
        "26 02:30+0100",
        "27 02:30+0100",
    ]


EVERY_TWO_HOURS = {
    "Berlin in spring": (BERLIN, "2026-03-28T23:30", ["03:00+0200", "04:00+0200", "06:00+0200"]),
    "Berlin in autumn": (BERLIN, "2026-10-24T22:30", ["02:00+0200", "04:00+0100", "06:00+0100"]),
    "New York in spring": ("America/New_York", "2026-03-08T05:30", ["03:00-0400", "04:00-0400", "06:00-0400"]),
    "New York in autumn": ("America/New_York", "2026-11-01T04:30", ["02:00-0500", "04:00-0500", "06:00-0500"]),
    "Lord Howe in spring": ("Australia/Lord_Howe", "2026-10-03T13:45", ["02:30+1100", "04:00+1100", "06:00+1100"]),
    "Lord Howe in autumn": ("Australia/Lord_Howe", "2027-04-03T13:15", ["02:00+1030", "04:00+1030", "06:00+1030"]),
}


@pytest.mark.parametrize(("zone", "start", "times"), EVERY_TWO_HOURS.values(), ids=list(EVERY_TWO_HOURS))
def test_every_two_hours_comes_once_at_each_even_hour_whatever_the_clocks_do(zone, start, times):
    after = datetime.fromisoformat(start).replace(tzinfo=UTC)

    local = [at.astimezone(ZoneInfo(zone)) for at in islice(Recurrence("0 */2 * * *").list_times(zone, after), 3)]

    assert [f"{at:%H:%M%z}" for at in local] == times


def test_a_time_after_the_first_of_two_is_not_the_second_one():
    first = Recurrence("30 2 * * *").find_next(BERLIN, datetime(2026, 10, 24, 12, 0, tzinfo=UTC))

    assert Recurrence("30 2 * * *").find_next(BERLIN, first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


clocks = st.tuples(st.integers(0, 23), st.integers(0, 59))
weekdays = st.sets(st.integers(0, 6), min_size=1)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@given(clocks, weekdays, st.sampled_from(ZONES), moments)
def test_every_time_stands_on_a_day_and_at_the_clock_that_were_said(clock, days, zone, start):
    words = f"every {' and '.join(DAYS[day] for day in sorted(days))} at {clock[0]}:{clock[1]:02}"

    times = list(islice(parse_recurrence(words, zone, NOW).list_times(zone, start), 12))

    assert len(times) == 12
    for at in times:
        local = at.astimezone(ZoneInfo(zone))
        assert (local.weekday() + 1) % 7 in days or not exists(local.date(), clock, zone)
        assert (local.hour, local.minute) == clock or not exists(local.date(), clock, zone)


@given(clocks, st.sampled_from(ZONES), moments)
def test_what_comes_daily_comes_once_on_each_day_of_the_zone(clock, zone, start):
    times = list(islice(Recurrence(f"{clock[1]} {clock[0]} * * *").list_times(zone, start), 400))

    days = [at.astimezone(ZoneInfo(zone)).date() for at in times]
    assert len(set(days)) == len(days) == 400
    assert all(after - before == timedelta(days=1) for before, after in pairwise(days))


@given(st.sampled_from(list(SAID.values())), st.sampled_from(ZONES), moments)
def test_times_come_later_and_later_and_after_what_was_asked_for(cron, zone, start):
    times = list(islice(Recurrence(cron).list_times(zone, start), 60))

    assert len(times) == 60
    assert times[0] > start
    assert all(after - before >= timedelta(minutes=1) for before, after in pairwise(times))


@given(st.sampled_from(list(SAID.values())), st.sampled_from(ZONES), moments, st.integers(0, 3000))
def test_the_newest_time_until_now_is_the_last_that_does_not_come_later(cron, zone, start, hours):
    recurrence = Recurrence(cron)
    first = recurrence.find_next(zone, start)
    until = first + timedelta(hours=hours)

    newest = recurrence.find_newest(zone, first, until)

    following = recurrence.find_next(zone, newest)
    assert first <= newest <= until < following


@given(st.text(max_size=60))
def test_any_words_are_read_or_refused_with_a_sentence(words):
    with suppress(UnreadableRecurrence):
        assert parse_recurrence(words, BERLIN, NOW).words


@given(
    st.lists(
        st.sampled_from(
            [
                "every",
                "day",
                "monday",
                "and",
                "at",
                "9",
                "17:30",
                "first",
                "of",
                "the",
                "month",
                "hour",
                "2",
                "1st",
                "*",
                "-",
                ",",
            ]
        ),
        max_size=9,
    )
)
def test_words_of_times_in_any_order_are_read_or_refused(words):
    try:
        recurrence = parse_recurrence(" ".join(words), BERLIN, NOW)
    except UnreadableRecurrence:
        return
    times = list(islice(recurrence.list_times(BERLIN, NOW), 5))
    assert all(after - before >= OFTEN for before, after in pairwise(times))


def exists(day, clock, zone):
    """Whether a day of a zone has that time of day."""
    local = datetime(day.year, day.month, day.day, *clock, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(fold=0) == local
