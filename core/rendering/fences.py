"""Code fences: the marks that open and close a block of code in Markdown, and what stands before them."""

import re
from dataclasses import dataclass

PLAIN = "```"
BROKEN = "\u200b"  # a space of no width

_LEAD = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?"
_OPENING = re.compile(rf"(?P<lead>{_LEAD})(?P<mark>`{{3,}}+(?![^`]*`)|~{{3,}}+)(?P<info>.*)", re.DOTALL)
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}(?![\w+#.-])")  # what is longer is none, and would be repeated on each page
_RUN = re.compile(r"`{3,}")
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


def plain_mark(line: str) -> str:
    """A line that opens or closes a fence, as one of three backticks that says only its language, if any."""
    match = _OPENING.fullmatch(line)
    if not match:
        return f"{line[: find_marks(line)[0]]}{PLAIN}"
    language = _LANGUAGE.match(match["info"].strip())
    return f"{match['lead']}{PLAIN}{language[0] if language else ''}"


def plain_opening(line: str) -> str:
    """A line that opens a fence as a plain one, and below it what it says beside its language."""
    match = _OPENING.fullmatch(line)
    if not match:
        return plain_mark(line)
    info = match["info"].strip()
    language = _LANGUAGE.match(info)
    rest = break_runs(info[language.end() if language else 0 :].strip())
    lead = re.sub(r"[^\s>]", " ", match["lead"])
    return plain_mark(line) + (f"\n{lead}{rest}" if rest else "")


def break_runs(line: str) -> str:
    """`line` without three backticks in a row: what nobody sees stands between them."""
    return _RUN.sub(lambda run: BROKEN.join(run[0][at : at + 2] for at in range(0, len(run[0]), 2)), line)


def mend_runs(text: str) -> str:
    """Undo `break_runs`, in what is read back from a platform."""
    return text.replace(f"`{BROKEN}`", "``")


def find_marks(line: str) -> tuple[int, int]:
    """Where the marks stand that may make a fence of `line`; (0, 0) if there are none."""
    match = _MARKS.match(line) if "`" in line or "~" in line else None
    return match.span("marks") if match else (0, 0)
