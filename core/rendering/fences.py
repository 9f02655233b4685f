"""Code fences: the marks that open and close a block of code in Markdown, and what stands before them."""

import re
from dataclasses import dataclass

from core.rendering.names import find_file_name, strip_file_name

PLAIN = "```"
BROKEN = "\u200b"  # a space of no width

_LEAD = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?"
_OPENING = re.compile(rf"(?P<lead>{_LEAD})(?P<mark>`{{3,}}+(?![^`]*`)|~{{3,}}+)(?P<info>.*)", re.DOTALL)
_LANGUAGE = re.compile(r"(?:\{\.)?([\w+#.-]{1,40})(?![\w+#.-])")  # what is longer would be repeated on each page
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
    return match and Fence(_blank_marker(match["lead"]), match["mark"], match["info"].rstrip())


def plain_mark(line: str) -> str:
    """A line that opens or closes a fence, as one of three backticks that says only its language, if any."""
    match = _OPENING.fullmatch(line)
    if not match:
        return f"{line[: find_marks(line)[0]]}{PLAIN}"
    return f"{match['lead']}{PLAIN}{_split_info(match['info'])[0]}"


def plain_opening(line: str) -> str:
    """A line that opens a fence as a plain one; above it what it says beside its language, such as a file's name."""
    match = _OPENING.fullmatch(line)
    language, caption = _split_info(match["info"]) if match else ("", "")
    if not match or not caption:
        return plain_mark(line)
    return f"{match['lead']}{caption}\n{_blank_marker(match['lead'])}{PLAIN}{language}"


def _split_info(info: str) -> tuple[str, str]:
    """The language in what stands behind a fence, and the rest in code spans: a name as its file has it, and others."""
    info = info.strip()
    name, written = find_file_name(info)
    found = None if name and info.startswith(written) else _LANGUAGE.match(info)
    rest = info[found.end() if found else 0 :]
    shown = strip_file_name(name)
    if shown:
        rest = rest.replace(written, "", 1).strip(" \t:")
        rest = rest if any(map(str.isalnum, rest)) else ""
    spans = (shown, rest.strip().replace("`", "'"))
    return found[1] if found else "", " ".join(f"`{one}`" for one in spans if one)


def _blank_marker(lead: str) -> str:
    """What stands before a fence, on a line below it: the marker of a list item is blank there."""
    return re.sub(r"[^\s>]", " ", lead)


def break_runs(line: str) -> str:
    """`line` without three backticks in a row: what nobody sees stands between them."""
    return _RUN.sub(lambda run: BROKEN.join(run[0][at : at + 2] for at in range(0, len(run[0]), 2)), line)


def mend_runs(text: str) -> str:
    """Undo `break_runs`, in what is read back from a platform."""
    return text.replace(f"`{BROKEN}`", "``")


def escape_fence(line: str) -> str:
    """A line with the marks escaped that may make a fence of it."""
    at = find_marks(line)[0]
    return f"{line[:at]}\\{line[at:]}"


def find_marks(line: str) -> tuple[int, int]:
    """Where the marks stand that may make a fence of `line`; (0, 0) if there are none."""
    match = _MARKS.match(line) if "`" in line or "~" in line else None
    return match.span("marks") if match else (0, 0)
