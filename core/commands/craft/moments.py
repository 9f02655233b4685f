"""Moments: the times that people write, as they write them, in their time zone."""

import re
from datetime import UTC, datetime, time, timedelta

from dateutil.parser import ParserError, parse  # type: ignore[import-untyped]  # it has no types
from dateutil.relativedelta import relativedelta  # type: ignore[import-untyped]  # nor here

from core.domain.clock import load_zone

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = 40  # characters of a time that are looked at
FORMS = "`today`, `yesterday`, `monday`, `3 days ago`, `2h`, `2026-11-20`, `20 Nov` or `2026-11-20 15:00`"

_UNITS = r"minutes?|mins?|m|hours?|h|days?|d|weeks?|w|months?"
_AGO = re.compile(rf"(?:last\s+|past\s+)?(\d{{1,4}}|an?)\s*({_UNITS})(?:\s+ago)?")
_NUMERIC = re.compile(r"(\d{1,2})[./-](\d{1,2})(?:[./-](\d{2}|\d{4}))?(?!\d)")


class UnreadableMoment(ValueError):
    """Words that name no time, or more than one; says why and what would do."""


def parse_moment(words: str, now: datetime, zone: str) -> datetime:
    """The time that `words` name, in UTC; a day means its beginning, and one without a year the last that was.

    Raises UnreadableMoment.
    """
    here = now.astimezone(load_zone(zone))
    text = " ".join(words.casefold().split()).rstrip(".")
    try:
        if len(text) > LONGEST:
            raise UnreadableMoment(_explain(words))
        at = _parse_relative(text, here) or _parse_date(text, here)
        at = at.astimezone(UTC)
    except (ParserError, ValueError, OverflowError) as error:
        raise error if isinstance(error, UnreadableMoment) else UnreadableMoment(_explain(words)) from None
    if at > now:
        raise UnreadableMoment(f"`{words[:LONGEST]}` is still to come.")
    return at


def _parse_relative(text: str, here: datetime) -> datetime | None:
    """A time that is told by how long ago it was, or by the name of a day."""
    day = datetime.combine(here.date(), time(), here.tzinfo)
    if text in {"today", "yesterday"}:
        return day - timedelta(days=text == "yesterday")
    if text in {"this week", "this month"}:
        return day - timedelta(days=day.weekday()) if text == "this week" else day.replace(day=1)
    named = text.removeprefix("last ")
    if len(named) >= 3 and (found := [number for number, one in enumerate(DAYS) if one.startswith(named)]):
        return day - timedelta(days=(day.weekday() - found[0]) % 7 or 7 * text.startswith("last "))
    if not (ago := _AGO.fullmatch(text)):
        return None
    count, unit = (1 if ago[1].startswith("a") else int(ago[1])), ago[2]
    if unit.startswith("mon"):
        earlier: datetime = here - relativedelta(months=count)
        return earlier
    return here - timedelta(**{UNITS[unit[0]]: count})


def _parse_date(text: str, here: datetime) -> datetime:
    """A date, with or without a time of day and a year. Raises ValueError."""
    numeric = _NUMERIC.match(text)
    dayfirst = bool(numeric and (int(numeric[1]) > 12 or "." in numeric[0]))
    if numeric and not dayfirst and int(numeric[2]) <= 12 and numeric[1] != numeric[2]:
        raise UnreadableMoment(f"`{text}` may be two days. Write the month as a word, or as in 2026-11-20.")
    begins = datetime.combine(here.date(), time(), here.tzinfo)
    at: datetime = parse(text, default=begins.replace(tzinfo=None), dayfirst=dayfirst)
    at = at if at.tzinfo else at.replace(tzinfo=here.tzinfo)
    yearless = parse(text, default=begins.replace(tzinfo=None, year=begins.year - 4), dayfirst=dayfirst)
    return at.replace(year=at.year - 1) if at > here and yearless.year != at.year else at


def _explain(words: str) -> str:
    return f"`{words[:LONGEST]}` is no time that I can read. Write it as in {FORMS}."
