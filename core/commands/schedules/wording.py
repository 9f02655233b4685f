"""Wording of times: the sentence that the cron library makes of an expression, as people say it in English."""

import re

FEW = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth")
NUMBERS = {word: number for number, word in enumerate(FEW, 2)}
ENDINGS = {1: "st", 2: "nd", 3: "rd"}

_EVERY = rf"every (\d+(?=(?:st|nd|rd|th)\b)|{'|'.join(FEW)})(?:st|nd|rd|th)?"
_MINUTES = re.compile(rf"^{_EVERY} minute(?: of every hour)?(?! from \d+ through \d+ )")
_HOURS = re.compile(rf"^at minute 0 past {_EVERY} hour")
_HOUR_RANGE = re.compile(r"^at minute 0 past every hour from (\d+) through (\d+)")
_ORDINAL = re.compile(r"\b(\d+)th\b")
_WEEKDAYS = "Monday, Tuesday, Wednesday, Thursday, and Friday"


def polish_times(told: str) -> str:
    """`every 15 minutes` for `every 15th minute of every hour`, `31st` for `31th`; all else as it stands."""
    told = told[:1].lower() + told[1:]
    told = _MINUTES.sub(lambda one: f"every {_number(one[1])} minutes", told)
    told = _HOURS.sub(lambda one: f"every {_number(one[1])} hours", told)
    told = _HOUR_RANGE.sub(lambda one: f"every hour from {int(one[1]):02}:00 through {int(one[2]):02}:00", told)
    told = _ORDINAL.sub(lambda one: write_ordinal(int(one[1])), told)
    told = told.replace(_WEEKDAYS, "Monday through Friday").replace("Sunday and Saturday", "Saturday and Sunday")
    return re.sub(r"\bday of month\b", "day of the month", told)


def write_ordinal(number: int) -> str:
    """`1st`, `12th`, `23rd`."""
    return f"{number}{'th' if number % 100 in {11, 12, 13} else ENDINGS.get(number % 10, 'th')}"


def _number(word: str) -> int:
    return NUMBERS.get(word) or int(word)
