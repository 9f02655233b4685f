"""Wording: numbers and days in sentences, in the singular and the plural of English."""


def count_noun(number: int, noun: str, plural: str = "") -> str:
    """A number of things: `1 line`, `1,200 lines`. The plural is the noun with an s, unless it is named."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def describe_days(first: str, last: str) -> str:
    """A span of days: `2026-11-01 to 2026-11-20`, or the day alone where it is one."""
    return first if first == last else f"{first} to {last}"
