"""Inline parser: code spans, links, addresses and emphasis in prose, in one pass, and what is open at its end.

A paragraph is read from left to right once, whatever it says: each mark is pushed on a stack, popped when it is closed,
and looked for never again.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

_TOKEN = re.compile(
    r"(?P<escape>\\[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)"
    r"|(?P<auto><[A-Za-z][A-Za-z0-9+.-]{1,31}:[^<>\s|]*+>)"
    r"|(?P<numbered><(?:a?:\w{2,32}:\d{1,20}|t:-?\d{1,13}(?::[A-Za-z])?|(?:@[!&]?|\#)\d{1,20}|/[\w -]{1,99}:\d{1,20})>)"
    r"|!?\[(?P<label>(?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*+\])*+)\]\([ \t]*+"
    r"(?:<(?P<angled>[^<>\n]*+)>|(?P<address>[^()\s<]*+(?:\([^()\s]*+\)[^()\s]*+)*+))"
    r"(?:\s++(?:\"[^\"\n]*+\"|'[^'\n]*+'))?+\s*+\)"
    r"|(?P<url>https?://[^\s<>*`|]*[^\s<>*`_~|.,;:!?()\[\]'\"])"
    r"|(?P<run>\*+|_+|~~+|(?<!\|)\|\|(?!\|))",
    re.DOTALL,
)
MARKS = "*_~`"  # that may have to be closed where a text is cut
SPOILER = "||"  # what hides words on Discord, and means nothing elsewhere
BEGINNINGS = "([{<*_~\"'\u201c\u2018\u201e\u00ab:\u2014-"  # what stands before words, beside blanks
LONGEST = {"*": 3, "_": 3, "~": 2, "`": 2, "|": 2}  # of marks that mean something; longer ones may look like a fence

_BEGINS = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])(?:\s|$)|#{1,6}(?:\s|$)|$)")
_LEAD = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?")


class SpanKind(Enum):
    """What a part of prose is."""

    WORDS = "words"
    MARK = "mark"
    CODE = "code"
    LINK = "link"
    ADDRESS = "address"
    NUMBERED = "numbered"
    """A mention, a custom emoji or a time, by its number."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of prose, `text` as written; of a link also its label and its address."""

    kind: SpanKind
    text: str
    label: str = ""
    address: str = ""


def begins_block(line: str) -> bool:
    """Whether a line of prose continues no paragraph: an item, a heading, or a blank line."""
    return _BEGINS.match(line) is not None


def split_paragraphs(text: str) -> list[str]:
    """The paragraphs of prose, each with its lines and the blank ones; joined by line breaks they are `text`."""
    found: list[list[str]] = []
    above = ""
    for line in text.split("\n"):
        if found and above.strip() and not begins_block(line) and not above.lstrip().startswith("#"):
            found[-1].append(line)
        else:
            found.append([line])
        above = line
    return ["\n".join(lines) for lines in found]


def parse_spans(paragraph: str) -> list[Span]:
    """The parts of a paragraph, which joined are the paragraph."""
    return _Paragraph(paragraph).spans if paragraph else []


def find_open_marks(paragraph: str, known: str = MARKS) -> tuple[str, ...]:
    """The marks that are open at the end of a paragraph that is cut there, the outermost first; of those `known`."""
    return tuple(mark for mark in _Paragraph(paragraph, cut=True).find_open() if mark[0] in known)


def pair_spoilers(spans: Sequence[Span]) -> frozenset[int]:
    """Which of the parts of a paragraph are marks that begin or end hidden words."""
    return frozenset(_pair_spoilers(spans)[0])


def find_open_spoiler(spans: Sequence[Span]) -> bool:
    """Whether a paragraph ends with hidden words whose end is further on. What stands before them begins words."""
    opened = _pair_spoilers(spans)[1]
    before = _read_neighbours(spans, opened)[0] if opened is not None else ""
    return opened is not None and (before.isspace() or before in BEGINNINGS)


def _pair_spoilers(spans: Sequence[Span]) -> tuple[set[int], int | None]:
    """The marks that begin or end hidden words, and the one that begins words without an end."""
    paired: set[int] = set()
    opened: int | None = None
    for at, span in enumerate(spans):
        if span.kind is SpanKind.MARK and span.text == SPOILER:
            before, after = _read_neighbours(spans, at)
            if opened is None:
                opened = at if _begins_spoiler(before, after) else None
            elif _ends_spoiler(before, after):
                paired |= {opened, at}
                opened = None
    return paired, opened


def _read_neighbours(spans: Sequence[Span], at: int) -> tuple[str, str]:
    """The characters before and after a part of a paragraph; a line break where it begins or ends that."""
    before = spans[at - 1].text[-1:] if at else "\n"
    return before, spans[at + 1].text[:1] if at + 1 < len(spans) else "\n"


def _begins_spoiler(outside: str, inside: str) -> bool:
    """Whether marks between these characters hide words on one side. Those of a program stand among others."""
    return not inside.isspace() and not outside.isalnum()


def _ends_spoiler(before: str, after: str) -> bool:
    """Whether marks end hidden words: at the end of a line also behind a blank, for those of a program go on."""
    return after == "\n" or _begins_spoiler(after, before)


def close_marks(marks: Sequence[str]) -> str:
    """What closes these marks."""
    return "".join(reversed(marks))


def reopen_marks(text: str, marks: Sequence[str]) -> str:
    """`text`, the rest of a paragraph, with `marks` opened again. What closes one of them at once is left out."""
    lead = _LEAD.match(text)
    at = lead.end() if lead else 0
    left = list(marks)
    rest = text[at:]
    while left and rest.startswith(left[-1]):
        rest = rest.removeprefix(left.pop())
    rest = rest.lstrip() if len(left) < len(marks) and left else rest
    return f"{text[:at]}{''.join(left)}{rest}"


def continue_marks(text: str, marks: Sequence[str], cut: bool, known: str = MARKS) -> str:
    """Prose that goes on with a paragraph in which `marks` are open: they are opened, and closed where that ends.

    Its last paragraph does not end here if it is `cut`.
    """
    first, *others = split_paragraphs(text)
    first = reopen_marks(first, marks)
    if others or not cut:
        still = zip(marks, find_open_marks(first, known), strict=False)
        left = [mark for mark, found in still if mark == found]
        first = first.rstrip() + close_marks(left) if left else first
    return "\n".join([first, *others])


@dataclass(slots=True)
class _Paragraph:
    """A paragraph while it is read; if `cut`, a code span that nothing closes goes on to its end."""

    text: str
    cut: bool = False
    spans: list[Span] = field(default_factory=list)
    _open: list[tuple[str, int]] = field(default_factory=list)
    """Runs of emphasis that are not closed yet."""
    _counts: Counter[str] = field(default_factory=Counter)
    _code: str = ""

    def __post_init__(self) -> None:
        ticks: defaultdict[int, list[int]] = defaultdict(list)
        for run in re.finditer("`+", self.text):
            ticks[len(run[0])].append(run.start())
        at = written = 0
        while found := _TOKEN.search(self.text, at):
            end = self._find_code_end(found, ticks) if found["ticks"] else found.end()
            at = max(end, found.end())
            span = self._read(found, end)
            if span.kind is SpanKind.WORDS:
                continue
            self._add_words(written, found.start())
            self.spans.append(span)
            written = at
        self._add_words(written, len(self.text))

    def find_open(self) -> tuple[str, ...]:
        marks = [char * count for char, count in self._open]
        return tuple(
            mark for mark in (*marks, self._code) if mark and len(mark) <= LONGEST.get(mark[:1], 0) and mark != "~"
        )

    def _add_words(self, start: int, end: int) -> None:
        if end > start:
            self.spans.append(Span(SpanKind.WORDS, self.text[start:end]))

    def _read(self, found: re.Match[str], end: int) -> Span:
        text = self.text[found.start() : end]
        if found["ticks"]:
            return Span(SpanKind.CODE if end > found.end() else SpanKind.WORDS, text)
        if found["label"] is not None:
            return Span(SpanKind.LINK, text, found["label"], found["angled"] or found["address"] or "")
        if found["auto"] or found["url"]:
            return Span(SpanKind.ADDRESS, text, address=text.strip("<>"))
        if found["numbered"]:
            return Span(SpanKind.NUMBERED, text)
        if found["run"]:
            self._read_run(found)
        return Span(SpanKind.MARK, text)

    def _find_code_end(self, found: re.Match[str], ticks: dict[int, list[int]]) -> int:
        """Where the code span ends that a run of backticks opens; where the run ends, if nothing closes it."""
        size = len(found["ticks"])
        closings = ticks[size]
        index = bisect_left(closings, found.end())
        if index < len(closings):
            return closings[index] + size
        if self.cut and not self.text.endswith("`"):
            self._code = found["ticks"]
            return len(self.text)
        return found.end()

    def _read_run(self, found: re.Match[str]) -> None:
        """Close what a run of marks closes, and open the rest of it."""
        char, left = found["run"][0], len(found["run"])
        before = self.text[found.start() - 1] if found.start() else " "
        after = self.text[found.end()] if found.end() < len(self.text) else " "
        opens = not after.isspace() and (not _is_punctuation(after) or before.isspace() or _is_punctuation(before))
        closes = not before.isspace() and (not _is_punctuation(before) or after.isspace() or _is_punctuation(after))
        if char == "_":
            opens, closes = (
                opens and (not closes or _is_punctuation(before)),
                closes and (not opens or _is_punctuation(after)),
            )
        if char == SPOILER[0]:  # there is one at a time
            after = after if found.end() < len(self.text) else "\n"
            opens = _begins_spoiler(before, after) and not self._counts[char]
            closes = _ends_spoiler(before, after)
        while closes and left and self._counts[char]:
            left = self._close(char, left)
        if opens and left:
            self._open.append((char, left))
            self._counts[char] += 1

    def _close(self, char: str, left: int) -> int:
        """Close the innermost open run of `char`, and those inside it; how many marks are left."""
        while self._open[-1][0] != char:
            self._counts[self._open.pop()[0]] -= 1
        _, count = self._open.pop()
        self._counts[char] -= 1
        used = min(count, left)
        if count > used:
            self._open.append((char, count - used))
            self._counts[char] += 1
        return left - used


def _is_punctuation(char: str) -> bool:
    return not char.isalnum() and not char.isspace()
