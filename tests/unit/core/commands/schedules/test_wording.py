"""Times are told as people say them. Tests core.commands.schedules.wording."""

import pytest

from core.commands.schedules.recurrence import Recurrence
from core.commands.schedules.wording import write_ordinal

TOLD = {
    "*/15 * * * *": "every 15 minutes",
    "*/20 8-17 * * MON-FRI": "every 20 minutes from 08:00 through 17:59 on Monday through Friday",
    "0 */2 * * *": "every 2 hours",
    "0 */12 * * *": "every 12 hours",
    "5 */2 * * *": "at minute 5 past every second hour",
    "0 0-6 * * *": "every hour from 00:00 through 06:00",
    "7-59/20 */3 * * *": "every 20th minute from 7 through 59 past every third hour",
    "0 9 * * 0,6": "at 09:00 on Saturday and Sunday",
    "0 9 * * 1,2,3,4,5": "at 09:00 on Monday through Friday",
    "0 9 31 * *": "at 09:00 on the 31st day of every month",
    "0 9 11,22 * *": "at 09:00 on the 11th and the 22nd day of the month",
    "0 9 * * 1#1": "at 09:00 on the first Monday of the month",
    "30 9 L * *": "at 09:30 on the last day of every month",
}


@pytest.mark.parametrize(("cron", "words"), TOLD.items(), ids=list(TOLD))
def test_an_expression_is_told_as_people_say_it(cron, words):
    assert Recurrence(cron).words == words


def test_every_day_of_a_month_has_the_ending_that_english_gives_it():
    assert [write_ordinal(day) for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 24, 31)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "13th",
        "21st",
        "22nd",
        "23rd",
        "24th",
        "31st",
    ]
