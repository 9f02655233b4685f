"""Reply notes: sentences of ours below what Claude said, outside of all that it left open, and known again as ours.

A note is a paragraph of its own, marked by two characters that nobody sees, also when it is read back from a platform.
"""

import re
from collections.abc import Sequence

from core.rendering.fences import Fence, parse_opening
from core.rendering.inline import close_marks, find_open_marks, split_paragraphs

MARK = "\u2063\u00a0"  # an invisible separator, and a space that no platform takes away
CUT = f"\u2063{MARK}"  # the mark of a note above which we closed a fence that Claude left open

SHORTEST = 3  # marks of a fence; fewer may be the beginning of its end

_NOTE = re.compile(rf"(?:\A|(?<!\s)[^\S\n]*+\n)\s*+\u2063?{MARK}[*_]\([^\n]*\)[*_](?=[^\S\n]*+(?:\n|\Z))")
_MARKED = re.compile(rf"\u2063?{MARK}[*_](\([^\n]*\))[*_](?=[^\S\n]*+(?:\n|\Z))")


def append_note(text: str, note: str) -> str:
    """`text` with a note below it."""
    mark = CUT if _read_fences(text.rstrip().split("\n"))[0] else MARK
    shown = f"{mark}*({note})*"
    return f"{close_text(text)}\n\n{shown}" if text.strip() else shown


def remove_notes(text: str) -> str:
    """What Claude said of a text, or a page, that has notes."""
    return _NOTE.sub("", text) if MARK in text else text


def write_plain_notes(text: str) -> str:
    """The same text where nothing is drawn: its notes are plain words in brackets, without their marks."""
    return _MARKED.sub(r"\1", text) if MARK in text else text


def reopen_text(text: str) -> str:
    """What Claude said of a text that has notes, with the fence open again that was closed above one of them."""
    said, cut, _ = text.partition(CUT)
    return said.rstrip().rpartition("\n")[0] if cut else remove_notes(text)


def split_notes(text: str) -> tuple[str, str]:
    """What Claude said of a text, and the notes below it, each as it stands."""
    found = _NOTE.search(text) if MARK in text else None
    return (text[: found.start()].rstrip(), text[found.start() :].strip("\n")) if found else (text, "")


def drop_note(text: str, begins: str) -> str:
    """`text` without a note that begins so."""
    return _NOTE.sub(lambda found: "" if f"({begins}" in found[0] else found[0], text) if MARK in text else text


def find_open_fence(text: str) -> str:
    """The line that opens the code block again in which `text` was cut; empty outside of any."""
    fence, _, _ = _read_fences(text.rstrip().split("\n"))
    return fence.opening if fence else ""


def close_text(text: str) -> str:
    """`text`, wherever it was cut, with the fence, the code span and the emphasis closed that are open at its end."""
    lines = text.rstrip().split("\n")
    fence, within, begun = _read_fences(lines)
    if fence is None:
        paragraph = split_paragraphs("\n".join(lines[begun:]))[-1]
        return "\n".join(lines) + close_marks(find_open_marks(paragraph))
    if within and len(lines[-1].strip()) < SHORTEST and fence.closed_by(lines[-1], whole=False):
        lines.pop()
    return "\n".join([*lines, fence.closing])


def _read_fences(lines: Sequence[str]) -> tuple[Fence | None, Fence | None, int]:
    """The fence that is open behind the last line, the one that is before it, and the line behind the last code."""
    fence: Fence | None = None
    within: Fence | None = None
    begun = 0
    for number, line in enumerate(lines):
        within, fence = fence, (None if fence.closed_by(line) else fence) if fence else parse_opening(line)
        if within or fence:
            begun = number + 1
    return fence, within, begun
