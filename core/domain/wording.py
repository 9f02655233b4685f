"""Wording: numbers, days and lists in sentences, and strangers' text with its control characters made visible."""

import json
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal

DEAREST = 1_000_000  # dollars: an amount above it is a slip
LISTED = 10  # things that a sentence names
JOINER = "\u200d"  # holds emoji together
HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats (bidirectional ones too), lone surrogates, line separators
_DOLLARS = re.compile(
    r"(?:\$\s?)?(\d{1,7}(?:\.\d{0,6})?|\.\d{1,6})", re.ASCII
)  # whole micro-dollars, so that none is lost


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


def is_control(letter: str) -> bool:
    """Whether a terminal or a reader may take the character for something else than what it shows."""
    return letter != JOINER and unicodedata.category(letter) in HARMFUL


def escape_controls(text: str, keep: str = "") -> str:
    r"""Escape control characters as Python writes them: `\x1b`. Those in `keep` stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode() if letter not in keep and is_control(letter) else letter
        for letter in text
    )


def escape_json_controls(written: str) -> str:
    """JSON on one line, in which control characters are escaped as JSON does, beyond those that it has to."""
    if written.isascii() and written.isprintable():
        return written
    return "".join(json.dumps(letter)[1:-1] if is_control(letter) else letter for letter in written)


def parse_dollars(text: str) -> str | None:
    """An amount of US dollars, as people write it, without its sign; None for what is none, or a slip."""
    amount = _DOLLARS.fullmatch(text)
    return amount[1] if amount and Decimal(amount[1]) <= DEAREST else None
