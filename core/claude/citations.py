"""Citations: numbers behind what Claude cites, and below its answer the pages and addresses that they stand for."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias
from urllib.parse import urlsplit

from core.domain.wording import count_noun
from core.prompting.activities import clean_words
from core.prompting.file_names import write_file_name
from core.rendering.fences import Fence, parse_opening
from core.rendering.inline import begins_block, find_open_marks
from core.rendering.links import clean_address
from core.rendering.reply_notes import CUT, close_text, find_open_fence

LISTED = 20  # sources that have a line of their own
WEB = -1  # in place of a document's number

_FENCE = re.compile(r"(?P<quote>[ \t>]*)(?:`{3,}|~{3,})\s*")
_MARKS = re.compile(r"[`~]+(?=[^`~])")
_RULE = re.compile(r"[\s|:-]+")


Source: TypeAlias = str | tuple[int, int, int]
"""The address of a page of the web, or a document and the pages of it."""


@dataclass(frozen=True, slots=True)
class Citation:
    """What says what an answer says: pages of a document, `first` to `last`, or the page of the web at `url`.

    `document` is its place among those that Claude was shown, `at` how many characters of the answer stand before the
    number; None where none can stand, for the code around it did not end.
    """

    document: int
    name: str
    first: int
    last: int
    at: int | None = None
    url: str = ""

    @property
    def source(self) -> Source:
        """What it is one with others by."""
        return self.url or (self.document, self.first, self.last)

    @property
    def pages(self) -> str:
        return f"page {self.first}" if self.first == self.last else f"pages {self.first} to {self.last}"


def cite_web_page(url: str, title: str) -> Citation | None:
    """A page of the web as a citation, under its title, else its host; None where its address is not one of the web."""
    address = clean_address(url)
    name = clean_words(title.replace("://", " ")) or urlsplit(address).netloc
    return Citation(WEB, name, 0, 0, url=address) if address else None


@dataclass(slots=True)
class PlaceFinder:
    """Finds where the number of what was cited last may stand in a growing text. Each whole line is read once."""

    _read: int = 0
    _paragraph: int = 0
    """Where the paragraph begins that is not at its end."""
    _fence: Fence | None = None

    def find(self, text: str) -> int | None:
        """Behind the last word of `text`, within its table; None in code, where a number would be part of it."""
        while (end := text.find("\n", self._read)) >= 0:
            self._read_line(text[self._read : end])
            self._read = end + 1
        line = text[self._read :]
        if self._fence is not None:
            return len(text.rstrip()) if self._fence.closed_by(line) else None
        begun = self._read if begins_block(line) else self._paragraph
        in_code = any(mark.startswith("`") for mark in find_open_marks(f"{text[begun:]}."))
        return None if in_code or parse_opening(line) else _find_last_word(text)

    def _read_line(self, line: str) -> None:
        if self._fence is not None:
            self._fence = None if self._fence.closed_by(line) else self._fence
            self._paragraph = self._read + len(line) + 1
            return
        self._fence = parse_opening(line)
        if begins_block(line):
            self._paragraph = self._read


class CitationCollector:
    """Collects what a growing text cites, block by block. A number belongs behind its block, or behind the code there.

    Citations may come before the text of their block, or amid it; what is known of their places is in `placed`.
    """

    def __init__(self) -> None:
        self.placed: tuple[Citation, ...] = ()
        self._of_block: list[Citation] = []
        self._in_code: list[Citation] = []
        """Of blocks that ended in code."""
        self._read = 0
        """How far the end of that code was looked for."""
        self._finder = PlaceFinder()

    def add(self, citation: Citation) -> None:
        """Something that the block cites which has begun last."""
        self._of_block.append(citation)

    def grow(self, text: str) -> bool:
        """Place what waits for the end of the code that it was cited in. Whether there was any."""
        while self._in_code and (marks := _MARKS.search(text, self._read)):
            self._read = marks.end()
            if self._place(self._in_code, self._finder.find(text[: marks.end()])):
                self._in_code = []
                return True
        return False

    def end_block(self, text: str) -> bool:
        """Place what the block cites that has ended with `text`. Whether there was any."""
        cited = [*self._in_code, *self._of_block]
        self._of_block = []
        if not cited:
            return False
        placed = self._place(cited, self._finder.find(text))
        self._in_code, self._read = [] if placed else cited, len(text)
        return placed

    def finish(self, text: str) -> None:
        """All of the text is there: what has no place by now gets none."""
        self.end_block(text)
        self.placed, self._in_code = (*self.placed, *self._in_code), []

    def _place(self, cited: Sequence[Citation], at: int | None) -> bool:
        if at is not None:
            self.placed += tuple(replace(one, at=at) for one in cited)
        return at is not None


def insert_numbers(text: str, citations: Sequence[Citation]) -> str:
    """`text` with the numbers of its sources, in the order in which they are cited first."""
    if not citations:
        return text
    numbers = _number_sources(citations)
    parts, written = list[str](), 0
    placed = sorted((one for one in citations if one.at is not None), key=lambda one: one.at or 0)
    for at, cited in groupby(placed, key=lambda one: one.at):
        marks = "".join(f"[{number}]" for number in dict.fromkeys(numbers[one.source] for one in cited))
        line = text[:at].rpartition("\n")[2]
        fence = _FENCE.fullmatch(line)
        after = " " if text[at:][:1] in {"(", "["} else ""  # which would make a link of it
        parts += [text[written:at], f"\n{fence['quote']}" if fence else "", marks, after]
        written = at or 0
    return "".join([*parts, text[written:]])


def append_sources(text: str, citations: Sequence[Citation]) -> str:
    """The whole `text` with its numbers, and its sources below it."""
    return list_sources(insert_numbers(text, citations), citations)


def list_sources(numbered: str, citations: Sequence[Citation]) -> str:
    """A text that has its numbers, and below it a line for each source; those above LISTED are counted in one."""
    if not (citations and numbered.strip()):
        return numbered
    mark = CUT if find_open_fence(numbered) else ""  # as above a note of ours, so that it is known to be cut there
    return f"{close_text(numbered)}\n\n{mark}" + "\n".join(_write_lines(citations))


def _write_lines(citations: Sequence[Citation]) -> Iterator[str]:
    names = _name_documents(citations)
    sources = {one.source: one for one in reversed(citations)}
    numbers = _number_sources(citations)
    for source, number in list(numbers.items())[:LISTED]:
        one = sources[source]
        named = f"{one.name}: {one.url}" if one.url else f"{write_file_name(names[one.document])}, {one.pages}"
        yield f"[{number}] {named}"
    if (more := len(numbers) - LISTED) > 0:
        span = f"[{LISTED + 1}]" if more == 1 else f"[{LISTED + 1}] to [{len(numbers)}]"
        yield f"{span} {count_noun(more, 'more source')}"


def _number_sources(citations: Sequence[Citation]) -> dict[Source, int]:
    return {source: number for number, source in enumerate(dict.fromkeys(one.source for one in citations), 1)}


def _name_documents(citations: Sequence[Citation]) -> dict[int, str]:
    """Each document's name; a second one of the same name is `plan.pdf (2)`."""
    named: dict[int, str] = {}
    counts: Counter[str] = Counter()
    for document, name in {one.document: one.name for one in citations if not one.url}.items():
        counts[name] += 1
        named[document] = name if counts[name] == 1 else f"{name} ({counts[name]})"
    return named


def _find_last_word(text: str) -> int | None:
    """Where the last word ends, of a row of a table that of its last cell; None where there is none."""
    whole = text.rstrip()
    line = whole.rpartition("\n")[2]
    if not line.lstrip().startswith("|"):
        return len(whole) or None
    return None if _RULE.fullmatch(line) else len(whole.rstrip("| \t"))
