"""Code fences: the marks that open and close a block of code in Markdown, and what stands before them."""

import re
from dataclasses import dataclass

_LEAD = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?"
_OPENING = re.compile(rf"(?P<lead>{_LEAD})(?P<mark>`{{3,}}+(?![^`]*`)|~{{3,}}+)(?P<info>.*)", re.DOTALL)
_MARKS = re.compile(rf"{_LEAD}(?P<marks>`+|~+)")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open fence. `lead` is its indentation and quote marks, `mark` its backticks or tildes, `info` its language."""

    lead: str
    mark: str
    info: str

    @property
    def opening(self) -> str:
        return self.lead + self.mark + self.info

    @property
    def closing(self) -> str:
        return self.lead + self.mark

    @property
    def quote(self) -> str:
        """What keeps the rest of a line in the quote that the fence is in."""
        return self.lead if ">" in self.lead else ""

    def closed_by(self, line: str, whole: bool = True) -> bool:
        """Whether `line` closes the fence; or, not yet whole, may come to close it."""
        lead = r"[ \t>]*" if self.quote else r"[ \t]*"
        enough = line.count(self.mark[0]) >= len(self.mark) if whole else line.strip()
        return bool(enough and re.fullmatch(rf"{lead}{self.mark[0]}*\s*", line))


def parse_opening(line: str) -> Fence | None:
    """The fence that `line` opens. One that begins a list item is reopened below the item's marker."""
    match = _OPENING.fullmatch(line) if "```" in line or "~~~" in line else None
    return match and Fence(re.sub(r"[^\s>]", " ", match["lead"]), match["mark"], match["info"].rstrip())


def find_marks(line: str) -> tuple[int, int]:
    """Where the marks stand that may make a fence of `line`; (0, 0) if there are none."""
    match = _MARKS.match(line) if "`" in line or "~" in line else None
    return match.span("marks") if match else (0, 0)
