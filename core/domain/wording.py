"""Wording: numbers, days and lists in sentences, in the singular and the plural of English."""

from collections.abc import Sequence

LISTED = 10  # things that a sentence names


def count_noun(number: int, noun: str, plural: str = "") -> str:
    """A number of things: `1 line`, `1,200 lines`. The plural is the noun with an s, unless it is named."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def describe_days(first: str, last: str) -> str:
    """A span of days: `2026-11-01 to 2026-11-20`, or the day alone where it is one."""
    return first if first == last else f"{first} to {last}"


def list_some(names: Sequence[str], most: int = LISTED) -> str:
    """The first of some names, each on one line, and how many there are besides: `one, two, and 3 more`."""
    rest = f", and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(fold_lines, names[:most])) + rest


def fold_lines(text: str) -> str:
    """A text on one line, for where it stands in a sentence of ours and a line of its own would leave that."""
    return " ".join(text.split())
