"""Converted files: the words that a converter makes of one, and why it makes none. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NO_WORDS = "it has no text that I can read; save it as PDF, so that I see its pages"


@dataclass(frozen=True, slots=True)
class Words:
    """What a file says, in Markdown."""

    text: str
    origin: str
    """What it was made of: `a Word document`."""
    cut: bool = False
    """Some of it is left out."""


class Unreadable(Exception):
    """A file can't be converted. Its words say why, and what would help: a clause for the person."""


def write_table(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, whose first row is its head."""
    lines = [write_row(row) for row in rows]
    if lines:
        lines.insert(1, "|" + "---|" * (lines[0].count(" | ") + 1))
    return "\n".join(lines)


def write_row(cells: Iterable[str]) -> str:
    """A row of a Markdown table, in one line."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def write_code(text: str, language: str = "") -> str:
    """A code block, in a fence that is longer than each in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
