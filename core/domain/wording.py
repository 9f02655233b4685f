"""Wording: numbers, days and lists in sentences, and strangers' text with its control characters made visible."""

import json
import unicodedata
from collections.abc import Sequence

LISTED = 10  # things that a sentence names
JOINER = "\u200d"  # holds emoji together
HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats (bidirectional ones too), lone surrogates, line separators


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
