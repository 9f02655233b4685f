"""Spoilers of several paragraphs, which become one for each: pages and marks know one paragraph at a time. Pure."""

import re
from dataclasses import dataclass, field

from core.rendering.fences import Fence, parse_opening
from core.rendering.inline import SPOILER, begins_block, find_open_spoiler, parse_spans, reopen_marks

_BEFORE_CODE = re.compile(r"([\s>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)\|\|(?=`{3}|~{3})")
_ALONE = re.compile(r"([\s>]*)\|\|\s*")
_UNDECIDED = re.compile(r"(?<!\s)[ \t]*+\n[\s>]*+(?:[-*+]|\d{1,9}[.)]?|#{1,6}|\|{0,2}(?:`{0,9}|~{0,9})\|{0,2})\Z")
"""The beginning of a line that may yet begin a paragraph, or go on with the one above."""
_ROW = re.compile(r"[\s>]*\|(?!\|)")


def spread_spoilers(text: str, whole: bool = True) -> str:
    """`text`, in which each spoiler ends with its paragraph, and begins again in the next one until it is closed.

    Bars on a line of their own begin and end one too. One without an end goes on to the end of a `whole` text. Code and
    tables are not hidden: bars beside their fences are left out, for they would open no code. Of a text that grows a
    line is left out until it is known what it begins, so that more of it changes nothing above.
    """
    if SPOILER not in text:
        return text
    spread = _Spread(whole)
    for line in (text if whole else _UNDECIDED.sub("", text)).split("\n"):
        spread.take(line)
    return "\n".join(spread.end())


@dataclass(slots=True)
class _Spread:
    """A text line by line, and what is open in it."""

    whole: bool
    _written: list[str] = field(default_factory=list)
    _paragraph: list[str] = field(default_factory=list)
    _fence: Fence | None = None
    _hidden: bool = False
    """Whether the paragraph goes on with a spoiler of the one above."""

    def take(self, line: str) -> None:
        if self._fence:
            self._take_code(line, self._fence)
            return
        before = _BEFORE_CODE.match(line)
        opening = before[1] + line[before.end() :] if before else line
        if fence := parse_opening(opening):
            self._end_paragraph()
            self._hidden = self._hidden or bool(before)
            self._fence = fence
            self._written.append(opening)
        elif alone := _ALONE.fullmatch(line):
            self._end_paragraph()
            self._hidden = not self._hidden
            self._written.append(alone[1].rstrip())
        else:
            self._take_prose(line)

    def end(self) -> list[str]:
        """The lines of the text."""
        self._end_paragraph(grows=not self.whole)
        return self._written

    def _take_code(self, line: str, fence: Fence) -> None:
        bare = line.rstrip().removesuffix(SPOILER)
        closes = self._hidden and len(bare) < len(line.rstrip()) and fence.closed_by(bare)
        self._hidden = self._hidden and not closes
        self._written.append(bare if closes else line)
        self._fence = None if fence.closed_by(self._written[-1]) else fence

    def _take_prose(self, line: str) -> None:
        above = self._paragraph[-1] if self._paragraph else ""
        if not above.strip(" \t>") or begins_block(line) or above.lstrip().startswith("#"):
            self._end_paragraph()
        self._paragraph.append(line)

    def _end_paragraph(self, grows: bool = False) -> None:
        """Write the paragraph, and hide to its end what a spoiler hides that is open there; that of one that `grows`
        ends nowhere yet.
        """
        if not self._paragraph:
            return
        paragraph, self._paragraph = "\n".join(self._paragraph), []
        if not paragraph.strip(" \t\n>") or _ROW.match(paragraph):
            self._written.append(paragraph)
            return
        shown = reopen_marks(paragraph, (SPOILER,)) if self._hidden else paragraph
        self._hidden = find_open_spoiler(parse_spans(shown))
        if self._hidden and not grows:
            shown = shown.rstrip()
            shown += f" {SPOILER}" if shown.endswith(("|", "\\")) else SPOILER
        self._written.append(shown)
