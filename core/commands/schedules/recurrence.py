"""Recurrence: when something comes again, as people say it or as cron writes it, and the times that follow from it.

Words become a cron expression, and the library that reads those knows the calendar and daylight saving: a time that a
change of the clock leaves out comes right after the change, and one that it brings twice comes once.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from core.commands.schedules.refusals import NEVER, explain_part, explain_unread, shorten
from core.commands.schedules.wording import polish_times
from core.domain.errors import ConfabError

LONGEST = 120  # characters of words that are looked at
OFTEN = timedelta(minutes=10)  # a schedule comes no more often
SPANS = tuple(timedelta(days=days) for days in (1, 40, 400, 20_000))  # in which a newest time is looked for
MORNING = "9:00"  # where a day is named and no time
UNEVEN = "Times of one schedule have the same minute, such as `9:30 and 17:30`; make two schedules of it."
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""As cron knows them."""
STEPS = (10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)  # minutes between what comes evenly

DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
SHORT = {"tues": "tuesday", "wednes": "wednesday", "thur": "thursday", "thurs": "thursday"}
ORDINALS = {"first": "#1", "1st": "#1", "second": "#2", "2nd": "#2", "third": "#3", "3rd": "#3"}
ORDINALS |= {"fourth": "#4", "4th": "#4", "fifth": "#5", "5th": "#5", "last": "L"}
SETS = {
    "day": "*",
    "morning": "*",
    "week": "1",
    "weekday": "1-5",
    "working day": "1-5",
    "workday": "1-5",
    "business day": "1-5",
    "weekend": "0,6",
    "weekend day": "0,6",
}
ADVERBS = {"daily": "day", "hourly": "hour", "weekly": "week", "monthly": "month"}

_TIME = r"(?:\d{1,2}(?:[:.]\d\d)?\s*(?:[ap]\.?m\b\.?|o'clock)?|noon|midnight)"
_AND = r"(?:\s*,\s*(?:and\s+)?|\s+and\s+)"
_LIST = rf"(?:at\s+)?({_TIME}(?:{_AND}(?:at\s+)?{_TIME})*)"
_TIMES = re.compile(rf"(?:^|,?\s+){_LIST}$")
_FIRST_TIMES = re.compile(rf"{_LIST}\s+(?=(?:every|each|on|daily|weekly|monthly)\b)")
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d\d))?\s*(?:([ap])\.?m\.?|o'clock)?")
_STEP = re.compile(r"(\d{1,4}) (hour|minute)s?")
DAILY = "day"  # a step that is a whole day, which comes at its morning
_OF_MONTH = re.compile(r"\s+(?:of|in)\s+(?:the|every|each|a)\s+month$")
_DATE = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")


_MORE_TIMES = re.compile(
    r"[,:;]|\d|(?:at|and|or|until|till|between|except|excluding|from|to|through|but|on|in|of|for|starting|beginning|before"
    rf"|after|am|pm|noon|midnight|every|each|{'|'.join(DAYS)})\b"
)


class UnreadableRecurrence(ConfabError):
    """Words that name no times, or times that no schedule can have; says why and what would do."""


class UnknownZone(ConfabError):
    """A time zone that this machine does not know."""


class UnusableRecurrence(UnreadableRecurrence):
    """Words that can be read, and name times that no schedule may have, such as every minute."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When something comes again: a cron expression of five fields, in which no words of anybody's stand."""

    cron: str

    def is_readable(self, zone: str) -> bool:
        """Whether this machine can tell its times in a zone: it may not know one that another machine knows."""
        try:
            CronSim(self.cron, datetime(2000, 1, 1, tzinfo=find_zone(zone)))
        except (CronSimError, UnknownZone):
            return False
        return True

    @property
    def words(self) -> str:
        """The same as a sentence goes on with it: `at 09:00 on Monday through Friday`."""
        if not self.is_readable("UTC"):
            return f"at times that can't be read (`{self.cron}`)"
        return polish_times(CronSim(self.cron, datetime(2000, 1, 1, tzinfo=UTC)).explain())

    def list_times(self, zone: str, after: datetime) -> Iterator[datetime]:
        """The times after a time, in UTC, each later than the one before; days and hours are those of the zone."""
        newest = after
        for local in CronSim(_list_hours(self.cron), after.astimezone(find_zone(zone))):
            at = local.astimezone(UTC)
            if at > newest:
                newest = at
                yield at

    def find_next(self, zone: str, after: datetime) -> datetime | None:
        """The first time after a time; None where there is none within fifty years."""
        return next(self.list_times(zone, after), None)

    def find_newest(self, zone: str, first: datetime, until: datetime) -> datetime:
        """The newest time until a time, where `first` is one of them and comes no later."""
        for span in SPANS:
            start = max(first, until - span)
            times = list(takewhile(lambda at: at <= until, self.list_times(zone, start)))
            if times or start == first:
                return times[-1] if times else first
        return first


def find_zone(name: str) -> ZoneInfo:
    """A time zone by its name. Raises UnknownZone; the library's errors for it are of three kinds."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UnknownZone(name) from error


def parse_recurrence(words: str, zone: str, now: datetime) -> Recurrence:
    """When words say that something comes again. Raises UnreadableRecurrence, also for what comes too often."""
    text = " ".join(words.casefold().replace("’", "'").split()).rstrip(".")  # noqa: RUF001  people's apostrophe
    if not text or len(text) > LONGEST:
        raise UnreadableRecurrence(explain_unread(words))
    found = Recurrence(_read_cron(text) or _read_words(text, words))
    if found.find_next(zone, now) is None:
        raise UnusableRecurrence(NEVER.format(shorten(words)))
    if _comes_too_often(found.cron):
        minutes = int(OFTEN.total_seconds() // 60)
        raise UnusableRecurrence(f"That is too often: a schedule runs at most every {minutes} minutes.")
    return found


def split_recurrence(text: str, zone: str, now: datetime, commands: Collection[str] = ()) -> tuple[Recurrence, str]:
    """The times at the beginning of a text, in quotation marks or as many words as can be read; and what follows.

    Without quotation marks nothing may follow that looks like more of the times, nor words that end in one
    of `commands`. Raises UnreadableRecurrence.
    """
    quoted = re.match(r"\s*[\"“”„«‟'‘]([^\"“”„«»‟'‘’]*)[\"“”»'’‘]\s*(.*)", text, re.DOTALL)  # noqa: RUF001  as phones type them
    if quoted:
        return parse_recurrence(quoted[1], zone, now), quoted[2]
    words = list(re.finditer(r"\S+", text))[:14]
    for last in reversed(words):
        said, rest = text[: last.end()].strip().rstrip(",:;"), text[last.end() :].strip()
        try:
            found = parse_recurrence(said, zone, now)
        except UnusableRecurrence:
            raise
        except UnreadableRecurrence:
            continue
        if _may_be_times(rest, commands):
            raise UnreadableRecurrence(explain_part(said, rest))
        return found, rest
    raise UnreadableRecurrence(explain_unread(text))


def _may_be_times(rest: str, commands: Collection[str]) -> bool:
    """Whether what follows times that were read may be the rest of them: so it begins, or only ends in a command."""
    text = " ".join(rest.casefold().split())
    if _MORE_TIMES.match(text):
        return True
    begins = any(f"{text} ".startswith(f"{one} ") for one in commands)
    return not begins and any(text.endswith(f" {one}") for one in commands)


def _list_hours(cron: str) -> str:
    """The same expression with the hours of `*/2` one by one: else the clocks repeat and leave out some of them."""
    minute, hours, *days = cron.split()
    if not (step := re.fullmatch(r"\*/(\d+)", hours)) or step[1] == "1":
        return cron
    return " ".join([minute, ",".join(map(str, range(0, 24, int(step[1])))), *days])


def _comes_too_often(cron: str) -> bool:
    """Whether two times of a day are closer than a schedule may have them."""
    fields = CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    minutes = sorted(fields.minutes)
    gaps = [after - before for before, after in pairwise(minutes)]
    if any((hour + 1) % 24 in fields.hours for hour in fields.hours):
        gaps.append(minutes[0] + 60 - minutes[-1])
    return any(timedelta(minutes=gap) < OFTEN for gap in gaps)


def _read_cron(text: str) -> str | None:
    """A cron expression of five fields, if it is one. Raises UnreadableRecurrence for one that is wrong."""
    if text in MACROS:
        return MACROS[text]
    fields = text.upper().split()
    if len(fields) != 5 or not re.fullmatch(r"[\d*/,A-Z#-]+", "".join(fields)) or not re.match(r"[\d*]", fields[0]):
        return None
    if not re.fullmatch(r"[\d*/,-]+", fields[1]):
        return None
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC)).explain()
    except CronSimError as error:
        if fields[2].isdigit() and 29 <= int(fields[2]) <= 31:
            raise UnusableRecurrence(NEVER.format(text)) from None
        raise UnusableRecurrence(f"`{text}` is no cron expression: {str(error).lower()}.") from None
    return " ".join(fields)


def _read_words(text: str, words: str) -> str:
    """The cron expression of what people say. Raises UnreadableRecurrence."""
    text, times = _take_times(text)
    text = re.sub(r"^(?:every|each|on)\b\s*", "", text)
    text = re.sub(r"^(\w+)", lambda one: ADVERBS.get(one[1], one[1]), text)
    if text in {"noon", "midnight"} or (not text and times in {"noon", "midnight"}):
        text, times = "day", text or times
    if step := _read_step(text):
        if times:
            raise UnreadableRecurrence(explain_unread(words))
        if step != DAILY:
            return step
        text = "day"
    day, weekday = _read_days(text, words)
    minute, hours = _read_clock(times, words)
    return f"{minute} {hours} {day} * {weekday}"


def _take_times(text: str) -> tuple[str, str]:
    """What is left of words without the times of day at their end or beginning, and these."""
    if found := _FIRST_TIMES.match(text):
        return text[found.end() :], found[1]
    if (found := _TIMES.search(text)) and found.start():
        return text[: found.start()].rstrip(" ,"), found[1]
    return text, ""


def _read_step(text: str) -> str:
    """`hour`, `2 hours`, `30 minutes`: a part of the day or of the hour; empty for anything else."""
    if text == "minute":
        return "* * * * *"  # refused as too often, and not as words that nobody can read
    if text in {"hour", "half hour", "half an hour"}:
        return "0 * * * *" if text == "hour" else "*/30 * * * *"
    if not (found := _STEP.fullmatch(text)):
        return ""
    number = int(found[1]) * (60 if found[2] == "hour" else 1)
    if number not in STEPS and (number >= STEPS[0] or 60 % max(number, 1)):
        below, above = (
            max((one for one in STEPS if one < number), default=0),
            min((one for one in STEPS if one > number), default=0),
        )
        near = " or ".join(f"`every {_write_step(one)}`" for one in (below, above) if one)
        raise UnusableRecurrence(f"{text} are no even part of an hour or a day. Take {near}.")
    if number == STEPS[-1]:
        return DAILY
    hours = number // 60
    return (
        f"0 {f'*/{hours}' if hours > 1 else '*'} * * *" if hours else f"{f'*/{number}' if number > 1 else '*'} * * * *"
    )


def _write_step(minutes: int) -> str:
    if minutes == STEPS[-1]:
        return "day"
    hours = minutes // 60
    return f"{minutes} minutes" if not hours else "hour" if hours == 1 else f"{hours} hours"


def _read_days(text: str, words: str) -> tuple[str, str]:
    """The days of the month and of the week. Raises UnreadableRecurrence."""
    single = text.removesuffix("s") if text.removesuffix("s") in SETS else text
    if single in SETS:
        return "*", SETS[single]
    dates = all(_DATE.fullmatch(one.removeprefix("the ")) for one in re.split(_AND, text))
    if dates or text.startswith("month") or _OF_MONTH.search(text):
        return _read_days_of_month(text, words)
    if " of " in f"{text} ":
        raise UnreadableRecurrence(explain_unread(words))
    text = re.sub(r"^week\s+on\s+", "", text)
    if ranged := re.fullmatch(r"(\w+)\s*(?:to|through|until|-|–)\s*(\w+)", text):  # noqa: RUF001  a dash of words
        first, last = _find_day(ranged[1], words), _find_day(ranged[2], words)
        return "*", ",".join(str((first + one) % 7) for one in range((last - first) % 7 + 1))
    ordinal, *rest = text.split(" ", 1)
    if rest and ordinal in ORDINALS:
        return _read_days_of_month(f"{text} of the month", words)
    if days := SETS.get(text.removeprefix("on ")):
        return "*", days
    named = {_find_day(one, words) for one in re.split(r"\s*(?:,|\band\b|&|/)\s*", text) if one}
    if not named:
        raise UnreadableRecurrence(explain_unread(words))
    return "*", ",".join(map(str, sorted(named)))


def _read_days_of_month(text: str, words: str) -> tuple[str, str]:
    """`month on the 1st and 15th`, `first monday of the month`, `last day of the month`."""
    text = _OF_MONTH.sub("", text)
    text = re.sub(r"^month(?:\s+on)?(?:\s+the)?\s*", "", text) if text.startswith("month") else text
    text = re.sub(r"^the\s+", "", text)
    if text in {"", "first day", "1st day", "first"}:
        return "1", "*"
    if text in {"last day", "last weekday", "last working day"}:
        return ("L" if text == "last day" else "LW"), "*"
    parts = [re.sub(r"^the\s+", "", one) for one in re.split(rf"{_AND}", text)]
    dates = [_DATE.fullmatch(one.removesuffix(" day")) for one in parts]
    if all(dates):
        numbers = sorted({int(one[1]) for one in dates if one})
        if not 1 <= numbers[0] <= numbers[-1] <= 31:
            raise UnreadableRecurrence(explain_unread(words))
        return ",".join(map(str, numbers)), "*"
    *places, day = " ".join(parts).split()
    if not places or any(one not in ORDINALS for one in places):
        raise UnreadableRecurrence(explain_unread(words))
    number = _find_day(day, words)
    return "*", ",".join(f"{number}{ORDINALS[one]}" for one in dict.fromkeys(places))


def _find_day(word: str, words: str) -> int:
    """A day of the week as cron numbers them, by its name or the beginning of that. Raises UnreadableRecurrence."""
    name = SHORT.get(word, word)
    name = name if name in DAYS else name.removesuffix("s")
    found = [number for number, day in enumerate(DAYS) if len(name) >= 3 and day.startswith(name)]
    if not found:
        raise UnreadableRecurrence(explain_unread(words))
    return found[0]


def _read_clock(times: str, words: str) -> tuple[int, str]:
    """The minute and the hours of times of day. Raises UnreadableRecurrence."""
    said = re.split(_AND, times) if times else [MORNING]
    found = sorted({_read_time(one.removeprefix("at "), words) for one in said})
    minutes = {minute for _, minute in found}
    if len(minutes) > 1:
        raise UnusableRecurrence(UNEVEN)
    return minutes.pop(), ",".join(str(hour) for hour, _ in found)


def _read_time(text: str, words: str) -> tuple[int, int]:
    """An hour and a minute. Raises UnreadableRecurrence."""
    if text in {"noon", "midnight"}:
        return (12, 0) if text == "noon" else (0, 0)
    found = _CLOCK.fullmatch(text)
    hour, minute = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    if found and found[3]:
        hour = hour % 12 + (12 if found[3] == "p" else 0) if 1 <= hour <= 12 else 99
    if hour > 23 or minute > 59:
        raise UnreadableRecurrence(explain_unread(words))
    return hour, minute
