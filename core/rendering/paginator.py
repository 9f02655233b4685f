"""Paginator: a text is cut into pages of a platform's size; posted and wanted pages become steps."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from core.domain.controls import Control
from core.rendering.break_points import BreakKind, Cursor, Line, find_page_start
from core.rendering.dialect import Dialect, find_costs
from core.rendering.inline import SPOILER, find_open_marks, split_paragraphs
from core.rendering.page_builder import PageBuilder
from core.rendering.table_growth import TableProse

LONG = 2_000  # characters that are cut within milliseconds, whatever they say
EARLIEST = 0.5  # of a piece that must be filled before it may end at a line or a word


def pages(text: str, dialect: Dialect) -> list[str]:
    """Cut `text` into pages of the dialect that together say all of it. None is empty.

    A fence open at a cut is closed and reopened with its language; a table is cut between rows and its header repeated.
    Where a page ends is decided by the text up to where it is full, so appending to `text` changes only the last page.
    """
    return Pager(dialect).pages(text)


async def cut(text: str, cutting: Callable[[], list[str]]) -> list[str]:
    """What `cutting` makes of `text`. A long one is cut beside the loop, which others need meanwhile."""
    return await asyncio.to_thread(cutting) if len(text) > LONG else cutting()


def cut_by_length(text: str, limit: int) -> list[str]:
    """Cut `text` into pieces of at most `limit` characters, at the end of a line or a word. None is empty."""
    found = []
    while text := text.strip():
        end = _find_end(text, limit)
        found.append(text[:end].rstrip())
        text = text[end:]
    return found


def _find_end(text: str, limit: int) -> int:
    """Where the first piece ends."""
    if len(text) <= limit:
        return len(text)
    least = int(limit * EARLIEST)
    for mark in ("\n", " "):
        if (at := text.rfind(mark, least, limit + 1)) > 0:
            return at
    return limit


class Pager:
    """Cuts a text that grows. It remembers the pages that no longer change, so the last one alone is cut again."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._costs = find_costs(dialect, (dialect.marks if dialect.standalone else "") + dialect.escaped)
        self._text, self._end = "", Cursor(0)
        self._fixed: list[str] = []
        self._prose: list[TableProse] = []

    def pages(self, text: str, grows: bool = False) -> list[str]:
        """The same as `pages` gives, also if `text` is another one than before.

        Of one that `grows`, hidden words that have no end yet stay hidden.
        """
        text = re.sub("\r\n?", "\n", text)
        if not text.startswith(self._text):
            self._end, self._fixed, self._prose = Cursor(0), [], []
        self._text = text
        for earlier in self._prose:
            text = earlier.write(text, self._dialect)
        while (place := find_page_start(text, self._end)).at < len(text):
            builder = PageBuilder(text, place, self._dialect, self._costs)
            end = builder.fill()
            if prose := builder.prose:
                prose = replace(prose, room=prose.room // 2)  # the rest is left to other tables
                self._prose.append(prose)
                text = prose.write(text, self._dialect)
                self._end = replace(place, open=None) if prose.at == place.at else place
                continue
            page = self._render_end(builder) if grows and not end else builder.render()
            if not end:
                return [*self._fixed, *([page] if page else [])]
            self._fixed += [page] if page else []
            lost = place.lost + self._measure_loss(page, builder.repeated)
            grown = builder.grown + sum(prose.room for prose in self._prose if prose.at >= self._end.at)
            self._end = replace(end, marks=builder.marks, lost=lost, grown=grown)
        return [*self._fixed]

    def _render_end(self, builder: PageBuilder) -> str:
        """The last page of a text that grows: without so much of hidden words as their end has no room beside."""
        lines, over = builder.lines, 0
        while SPOILER[0] in self._dialect.marks:
            builder.lines = _hide_end(lines, over)
            page = builder.render()
            more = self._dialect.size(page) - self._dialect.limit
            if more <= 0 or builder.lines == lines:
                return page
            over += more
        return builder.render()

    def _measure_loss(self, page: str, repeated: int) -> int:
        """How much less a page has than a dense one, without what is repeated on it."""
        dense = self._dialect.dense
        return dense - self._dialect.size(page) + repeated if dense and page else 0


def _hide_end(lines: list[Line], over: int) -> list[Line]:
    """Lines of a text that grows, with an end to the hidden words that have none yet; without the last `over` of it."""
    prose = [*takewhile(lambda line: line.kind is BreakKind.TEXT, reversed(lines))]
    text = "\n".join(line.text for line in reversed(prose))
    if SPOILER not in find_open_marks(split_paragraphs(text)[-1], SPOILER[0]):
        return lines
    text = lines[-1].text.rstrip()
    hidden = text[: len(text) - over].removesuffix(SPOILER[0])  # of the marks that end them the first may be there
    return [*lines[:-1], replace(lines[-1], text=hidden + SPOILER)]


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on a page: its text, and the buttons below it."""

    text: str
    controls: tuple[Control, ...] = ()


def list_pages(texts: Sequence[str], controls: Sequence[Control] = ()) -> list[Page]:
    """Pages of these texts; the buttons stand below the last."""
    return [*map(Page, texts[:-1]), *(Page(text, tuple(controls)) for text in texts[-1:])]


@dataclass(frozen=True, slots=True)
class PostedPage:
    """A page that exists on the platform; `page` is None if it is not known, as with one adopted from a predecessor."""

    id: str
    page: Page | None


@dataclass(frozen=True, slots=True)
class Edit:
    """Let something else stand on the page `id`."""

    id: str
    page: Page


@dataclass(frozen=True, slots=True)
class Post:
    """Post a page after those that exist. `number` counts the reply's pages from 0."""

    number: int
    page: Page


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the page `id`."""

    id: str


Step = Edit | Post | Delete


def steps(posted: Sequence[PostedPage], wanted: Sequence[Page]) -> list[Step]:
    """The fewest steps after which the `posted` pages, oldest first, say what is `wanted`.

    Edits come first, then posts in order, or deletions from the end. So whatever was done of them before a process
    died, the steps from what then exists lead to the same pages.
    """
    edits = [Edit(old.id, new) for old, new in zip(posted, wanted, strict=False) if old.page != new]
    posts = [Post(number, page) for number, page in enumerate(wanted) if number >= len(posted)]
    deletions = [Delete(page.id) for page in reversed(posted[len(wanted) :])]
    return [*edits, *posts, *deletions]
