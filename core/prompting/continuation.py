"""Continuation: an answer that was cut off goes on in a message of its own. How Claude is asked, and how it joins.

Claude takes no beginning of its answer, so it is asked with a note. What it repeats of its last words is left out, and
a code block that it was cut in is opened again.
"""

from dataclasses import dataclass

from core.domain.messages import FinalText
from core.rendering.fences import parse_opening
from core.rendering.reply_notes import reopen_text

OVERLAP = 500  # characters of its last words that Claude may repeat
INDENTED = " " * 4  # code, where Markdown has it
LETTERS = 3  # of a repetition: a shorter one, such as a bracket, may be meant

_GO_ON = (
    "[Your last answer was cut off. Go on right after its last words, also in the middle of a sentence. "
    "Do not repeat any of them, and say nothing about the cut.]"
)
_GO_ON_IN_CODE = (
    "[Your last answer was cut off inside a code block. Go on right after its last line of code, which is shown in a "
    "code block that is opened again for you. Do not repeat any of it, and say nothing about the cut.]"
)


@dataclass(frozen=True, slots=True)
class Continuation:
    """How an answer goes on: `tail` are the last words of the earlier one, `fence` opens the block that it ended in."""

    tail: str = ""
    fence: str = ""

    def join(self, text: str, *, whole: bool = True) -> str:
        """What is shown of Claude's `text`: opened again, and without what it repeats.

        Empty as long as more of a text that is not `whole` may turn out to be a repetition.
        """
        if not (self.tail or self.fence):
            return text
        text = text.lstrip("\n")
        if not (self.fence or text.startswith(INDENTED)):
            text = text.lstrip(" ")
        opening, rest = self._split_opening(text)
        unknown = bool(self.fence) and "\n" not in text and text.lstrip()[:1] in {"", "`", "~"}
        if not whole and (unknown or not rest or _may_repeat(self.tail, rest)):
            return ""
        overlap = _measure_overlap(self.tail, rest)
        rest = rest[overlap:].lstrip("\n" if opening else " \n") if overlap else rest
        return f"{opening}{rest}" if rest.strip() else ""

    def _split_opening(self, text: str) -> tuple[str, str]:
        """The line that opens the block, ours or Claude's, and what stands behind it. A line that closes it is none."""
        fence = parse_opening(self.fence) if self.fence else None
        if fence is None:
            return "", text
        first, _, rest = text.partition("\n")
        if fence.info and fence.closed_by(first):
            return "", rest
        return (f"{first}\n", rest) if parse_opening(first) else (f"{fence.opening}\n", text)


ANEW = Continuation()
"""An answer that goes on with none."""


def write_note(earlier: FinalText | None) -> str:
    """How Claude is asked to go on with what it said; the same words each time they are told."""
    return _GO_ON_IN_CODE if earlier and earlier.cut else _GO_ON


def read_continuation(earlier: FinalText) -> Continuation:
    """How an answer goes on with one that was cut off."""
    return Continuation(reopen_text(earlier.text).rstrip()[-OVERLAP:], earlier.cut or "")


def _measure_overlap(tail: str, text: str) -> int:
    """How many characters at the beginning of `text` repeat the end of `tail`, the most there are."""
    sizes = range(min(len(tail), len(text)), 0, -1)
    return next((size for size in sizes if text.startswith(tail[-size:]) and _repeats(tail, size)), 0)


def _may_repeat(tail: str, text: str) -> bool:
    """Whether `text`, once there is more of it, may begin with more of the end of `tail`."""
    sizes = range(len(text) + 1, len(tail) + 1)
    return any(tail[-size:].startswith(text) and _repeats(tail, size) for size in sizes)


def _repeats(tail: str, size: int) -> bool:
    """Whether so much of the end of `tail` is words that nobody writes twice: whole ones, of some letters."""
    end = tail[-size:]
    before = tail[-size - 1 : -size]
    return sum(map(str.isalpha, end)) >= LETTERS and not (before.isalnum() and end[0].isalnum())
