"""Page builder: one page while it is filled, line by line."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate, chain, groupby, pairwise

from core.rendering.block_count import BlockCount
from core.rendering.break_points import (
    BreakKind,
    BreakRank,
    Cursor,
    Line,
    find_break_inside,
    list_open_items,
    rank_breaks,
)
from core.rendering.dialect import Costs, Dialect, find_costs
from core.rendering.fences import PLAIN, Fence, escape_fence, find_marks, parse_opening, plain_mark
from core.rendering.inline import begins_block, close_marks, continue_marks, find_open_marks, split_paragraphs
from core.rendering.list_items import ListItem, reopen_items
from core.rendering.table_growth import TableProse, draw_rows, follow_table
from core.rendering.tables import Table, parse_table_head

SHARE = 4  # of a page that opening list items or marks again may take
SHORT = 10  # of them make a page: a shorter line of code is never cut
SPANS = "```` "  # marks of the code spans that a fence's name and the rest beside it stand in, and what is between them
HYPHEN = "\u2010"  # looks like the sign of a table's rule, and makes none
FAR = 4  # pages; so long a line is cut on this one, whatever it says further on

_VISIBLE = re.compile(r"\S")
_QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)+")


class PageBuilder:
    """One page while it is filled.

    `size` is never less than what `render` gives. It counts the marks that close an open fence and, before the
    first line, what is repeated from the page before. The page is full at the first character that has no room on it,
    whatever may follow, and it is cut by looking at nothing beyond that.
    """

    def __init__(self, text: str, place: Cursor, dialect: Dialect, costs: Costs) -> None:
        self.text, self.place, self.dialect, self.costs = text, place, dialect, costs
        self.code_costs = find_costs(dialect, "`") if dialect.standalone else costs
        self.lines: list[Line] = []
        self.open = place.open
        self.size = self.repeated = self._frame(place.open) if place.open else self._measure_reopened(place)
        self.closing = 0
        """The part of the size that closes what the paragraph at the end of the page may leave open."""
        self.table, self.grown = follow_table(dialect, place.open, place.grown), place.grown
        self.above = 0
        """The size of the page above `table`."""
        self.count = BlockCount(dialect)
        self.count.reopen(place.items, place.open)
        self.crowded = False
        """Whether the page is full because of its blocks or rows, not because of its size."""
        self.continued = False
        """Whether the next page goes on with a paragraph of this one."""
        self.prose: TableProse | None = None  # of the last table, if the page loses too much to a row that stays whole
        self.marks: tuple[str, ...] = ()
        """What is open at the end of that paragraph, known once the page is rendered."""

    def fill(self) -> Cursor | None:
        """Take lines until the page is full, and say where it ends; None if all of the text has room."""
        at = self.place.at
        while at < len(self.text):
            line, whole = self._line(at)
            full = self._take(at, line, whole)
            if full is not None:
                return self._cut(at, at + full)
            at += len(line) + 1
        return None

    def _measure_reopened(self, place: Cursor) -> int:
        """The most that opening items and marks again takes, and closing the marks."""
        heads = sum(self.costs.of(f"{item.head}\n{item.number or ''}") for item in place.items)
        return 3 * len("".join(place.marks)) + heads

    def _line(self, at: int) -> tuple[str, bool]:
        """The line at `at` and whether it is whole. One of many pages is seen only as far as it may matter here."""
        end = self.text.find("\n", at)
        whole, end = end >= 0, len(self.text) if end < 0 else end
        far = at + FAR * self.dialect.limit
        visible = _VISIBLE.search(self.text, far, end) if far < end else None
        if visible and self._read(seen := self.text[at : visible.end()], whole=False)[0] is not BreakKind.CLOSING:
            return seen, False
        return self.text[at:end], whole

    def render(self) -> str:
        """The page as the platform is to show it; empty if nothing of it would be seen."""
        while self.lines and self.lines[-1].blank:
            self.lines.pop()
        if not self.lines:
            return ""
        self.grown = self.place.grown
        parts = [self.dialect.write_mark(self.place.open.opening)] if isinstance(self.place.open, Fence) else []
        for kind, group in groupby(self.lines, lambda line: line.kind):
            parts += self._render_group(kind, list(group))
        page, fence = "\n".join(parts).rstrip(), self.lines[-1].fence
        return f"{page}\n{self.dialect.write_mark(fence.closing)}" if fence else page

    def _render_group(self, kind: BreakKind, lines: Sequence[Line]) -> list[str]:
        """Neighbouring lines of a kind."""
        match kind:
            case BreakKind.ROW:
                drawn, self.grown = draw_rows(self.dialect, [one.text for one in lines], lines[0].open, self.grown)
                return [drawn]
            case BreakKind.TEXT:
                completed = self._complete_prose(lines).split("\n")
                prose = [escape_fence(line) if parse_opening(line) else line for line in completed]
                return [self.dialect.prose("\n".join(prose))]
            case BreakKind.CODE:
                return [self.dialect.write_code(line.text) for line in lines]
            case BreakKind.OPENING:
                return [self._render_opening(line) for line in lines]
        return [self.dialect.write_mark(line.text) for line in lines]

    def _render_opening(self, line: Line) -> str:
        """A line that opens a fence. A name above it stands apart from what is above that line."""
        written, fence = self.dialect.write_opening(line.text), parse_opening(line.text)
        above = next((one for one, next_ in pairwise(self.lines) if next_ is line), None)
        apart = fence and line.text.startswith(fence.lead) and above and not above.blank
        return f"{fence.quote.rstrip()}\n{written}" if fence and apart and "\n" in written else written

    def _complete_prose(self, lines: Sequence[Line]) -> str:
        """Lines of prose, with what is open around them opened again, and closed at the page's end."""
        texts, place = [line.text for line in lines], self.place
        if not self.dialect.standalone:
            return "\n".join(texts)
        begins, ends = lines[0] is self.lines[0] and not place.open, lines[-1] is self.lines[-1]
        if begins and place.marks:
            cut = ends and self.continued
            texts = continue_marks("\n".join(texts), place.marks, cut, self.dialect.marks).split("\n")
        if begins and place.items:
            texts[:1] = reopen_items(place.items, texts[0], place.continues)
        if not (ends and self.continued):
            return "\n".join(texts)
        prose = "\n".join(texts).rstrip()
        marks = find_open_marks(split_paragraphs(prose)[-1], self.dialect.marks)
        self.marks = marks if len("".join(marks)) < self.dialect.limit / SHARE else ()
        return prose + close_marks(marks)

    @property
    def _amid(self) -> bool:
        return self.place.amid and not self.lines

    @property
    def _quote(self) -> str:
        """What keeps the rest of a line in its quote, or in that of its fence."""
        if self._amid:
            return self.open.quote if isinstance(self.open, Fence) else self.place.quote
        return ""

    @property
    def _base(self) -> int:
        """The size of the page with what comes before the next line."""
        before = "\n" if self.lines or self.place.open else ""
        return self.size + self.costs.of(before + self._quote)

    def _frame(self, around: Fence | Table) -> int:
        """The size of what a fence or a table takes on each of its pages."""
        if isinstance(around, Fence):
            twice = f"\n{around.lead}" if self.dialect.standalone else ""
            opening = plain_mark(around.opening) if self.dialect.standalone else around.opening
            return self.costs.of(f"{opening}\n{around.closing}{twice}")
        return self.dialect.size(self.dialect.draw_table([around.header, around.rule], around.lead))

    def _bears(self, around: Fence | Table | None) -> bool:
        """Whether enough room is left on each page beside what is repeated there."""
        return around is not None and 2 * self._frame(around) < self.dialect.limit

    def _read(self, line: str, whole: bool) -> tuple[BreakKind, Fence | Table | None]:
        """What `line` is, and what is open after it."""
        if isinstance(self.open, Fence):
            closing = not self._amid and self.open.closed_by(line, whole)
            return (BreakKind.CLOSING, None) if closing else (BreakKind.CODE, self.open)
        if not self._amid and (fence := parse_opening(line)):
            return (BreakKind.OPENING, fence) if self._bears(fence) else (BreakKind.TEXT, None)
        if isinstance(self.open, Table) and "|" in line:
            return BreakKind.ROW if whole or line.rstrip() == self.open.row(line) else BreakKind.TEXT, self.open
        return BreakKind.TEXT, None

    def _take(self, start: int, line: str, whole: bool) -> int | None:
        """Add a line; or add nothing, and say at which of its characters the page was full."""
        kind, after = self._read(line, whole)
        full = self._overflow(line, kind)
        crowded = self.count.find_crowding(line, kind)
        if crowded is not None and (full is None or crowded < full):
            self.crowded = True
            return crowded
        if isinstance(after, Table):
            return self._take_row(start, line, kind, full)
        if full is not None:
            return full
        if whole and kind is BreakKind.TEXT and (table := self._find_table(line)):
            return self._take_rule(start, line, table)
        if kind is BreakKind.CLOSING and self.size > self.dialect.limit:
            self._trim()
        line = self._escape_line(line, kind)
        size = self._measure_line(line, kind) - (self._find_excess(line, kind) if whole else 0)
        self.lines.append(Line(start, self._quote + line, kind, self.open, self.size, self.count.blocks))
        self.count.add(line, kind)
        self.open, self.size = after, size
        return None

    def _trim(self) -> None:
        """Leave out the blanks at the end; what is seen has room."""
        while self.lines[-1].blank:
            self.size = self.lines.pop().size
        last = self.lines[-1]
        self.lines[-1] = replace(last, text=last.text.rstrip())
        self.size -= self.code_costs.of(last.text[len(last.text.rstrip()) :])

    def _escape_line(self, line: str, kind: BreakKind) -> str:
        """A line as it is written: no fence, if it looks like one only because it was cut; no rule of a wide table."""
        above = self.lines[-1].text if self.dialect.columns and kind is BreakKind.TEXT and self.lines else ""
        if above and self._is_wide(parse_table_head(above, line)):
            return line.replace("-", HYPHEN, 1)
        if not isinstance(self.open, Fence):
            return escape_fence(line) if kind is BreakKind.TEXT and parse_opening(line) else line
        if kind is BreakKind.CLOSING:
            return self.open.closing
        if self.dialect.standalone:
            return line
        return escape_fence(line) if self.open.closed_by(line) else line

    def _measure_line(self, line: str, kind: BreakKind) -> int:
        """The size of the page with one line more."""
        if kind is BreakKind.CLOSING:
            return self.size
        base = 0 if isinstance(self.open, Table) and not self.lines else self._base
        if kind is BreakKind.CODE:
            return base + self.code_costs.of(line)
        fence = parse_opening(line) if kind is BreakKind.OPENING else None
        if fence and self.dialect.standalone:
            named = self._frame_name(fence.lead) if "\n" in self.dialect.write_opening(line) else 0
            return base + self.costs.of(f"{line}\n{fence.closing}\n{fence.lead}") + named
        return base + self.costs.of(f"{line}\n{fence.closing}" if fence else line)

    def _find_excess(self, line: str, kind: BreakKind) -> int:
        """By how much the page was measured too large, now that a line is whole, and what is above it may be."""
        excess, closing = self._select_costs(kind).find_excess(line, kind)
        if kind is not BreakKind.TEXT or begins_block(line) or not self.lines or self.lines[-1].heads:
            excess, self.closing = excess + self.closing, 0
        self.closing += closing
        return excess

    def _frame_name(self, lead: str) -> int:
        """The size of what stands around a name above a fence."""
        return self.costs.of(f"\n{lead}{SPANS}")

    def _overflow(self, line: str, kind: BreakKind) -> int | None:
        """The first visible character of `line`, while it is being written, that the page has no room for."""
        run, size, limit = slice(*find_marks(line)), self._base, self.dialect.limit
        costs = self._select_costs(kind)
        if kind is BreakKind.CLOSING or (not line[run] and len(line) <= limit and size + costs.of(line) <= limit):
            return None
        sizes = accumulate(self._growth(line, run, costs), initial=size)
        over = (at for at, size in enumerate(sizes, start=-1) if size > limit)
        return next((at for at in over if at >= 0 and not line[at].isspace()), None)

    def _select_costs(self, kind: BreakKind) -> Costs:
        return self.code_costs if kind is BreakKind.CODE else self.costs

    def _growth(self, line: str, run: slice, costs: Costs) -> Iterable[int]:
        """What each character adds to the page; marks may yet open a fence that has to be closed, or be escaped."""
        before = [costs[character] for character in line[: run.stop]]
        if not self.dialect.standalone:
            for at in range(run.start, run.stop):
                before[at] *= 2
        if line[run]:
            before[run.start] += costs.of("\n" + line[: run.start]) * (1 + self.dialect.standalone)
        third = run.start + len(PLAIN) - 1
        if self.dialect.standalone and third < run.stop and not isinstance(self.open, Fence):
            before[third] += self._frame_name(line[: run.start])
        return chain(before, map(costs.__getitem__, line[run.stop :]))

    def _find_table(self, rule: str) -> Table | None:
        """The table that the line above and its `rule` begin."""
        text = self.lines[-1].text if self.lines and self.lines[-1].kind is BreakKind.TEXT else ""
        table = parse_table_head(text, rule, led=self.dialect.screen > 0)
        return table if self._bears(table) and not self._is_wide(table) else None

    def _is_wide(self, table: Table | None) -> bool:
        """Whether a table has more columns than the platform shows."""
        return table is not None and 0 < self.dialect.columns < table.columns

    def _take_rule(self, start: int, line: str, table: Table) -> int | None:
        """Make a table of the line above and its rule, if that has room when drawn."""
        header = self.lines[-1]
        above = header.size + (self.costs["\n"] if len(self.lines) > 1 else 0)
        size = above + self._frame(table)
        if size > self.dialect.limit:
            return len(line)
        self.lines[-1] = replace(header, text=header.text.rstrip(), kind=BreakKind.ROW)
        self.count.begin_table(table.header)
        self.lines.append(Line(start, table.rule, BreakKind.ROW, None, size, self.count.blocks))
        self.grown += self.table.excess if self.table else 0
        self.table = follow_table(self.dialect, table, self.grown, begins=True)
        self.open, self.size, self.above, self.closing = table, size, above, 0
        return None

    def _take_row(self, start: int, line: str, kind: BreakKind, full: int | None) -> int | None:
        """Add a row, if the table drawn with it has room; before it is whole it stands beneath the table as it is."""
        size = self.size
        for row, at in self._rows(line, kind):
            if full is not None and full < at:
                break
            size = self.above + self.table.size(row) if self.table else self._base + self.costs.of(row)
            if size > self.dialect.limit:
                return at
        if full is not None:
            return full
        self.lines.append(Line(start, line.rstrip(), kind, self.open, self.size, self.count.blocks))
        self.count.add(line, kind)
        if kind is BreakKind.ROW:
            self.size = size
            if self.table:
                self.table.add(line.rstrip())
        return None

    def _rows(self, line: str, kind: BreakKind) -> Iterable[tuple[str, int]]:
        """The whole rows that `line` is while it is being written, and where it is them."""
        closed = self.open.row(line) if isinstance(self.open, Table) else None
        if closed is not None:
            yield closed, len(closed) - 1
        if kind is BreakKind.ROW and line.rstrip() != closed:
            yield line.rstrip(), len(line)

    def _cut(self, start: int, full: int) -> Cursor:
        """End the page where it had best end, seeing the text as far as `full`, and say where that is."""
        seen = self.text[start : full + 1].rstrip("\n")
        kind = BreakKind.CODE if isinstance(self.open, Fence) else self._read(seen, whole=False)[0]
        self.lines.append(Line(start, seen, kind, self.open, self.size, self.count.blocks))
        places = rank_breaks(self.lines)
        fair = [place for place in places if place[0] > BreakRank.GLUED]
        roomy = self._select_roomy(fair)
        if self.table and isinstance(self.open, Table) and "|" in seen and not roomy and self.size < self.dialect.dense:
            self.prose = TableProse(start, self.open, self.table.left)
        if self.crowded and not roomy:
            roomy = (fair or places)[-1:]
        kept = self.lines[-1].uncuttable or (kind is BreakKind.CODE and len(seen) * SHORT < self.dialect.limit)
        if not roomy and (not kept or not (fair or kind is BreakKind.OPENING) or not places):
            return self._cut_inside(full, movable=bool(fair) and self.lines[fair[-1][1]] is self.lines[-1])
        _, index = max(roomy) if roomy else (fair or places)[-1]
        line, self.lines = self.lines[index], self.lines[:index]
        return self._end_before(line)

    @property
    def _least(self) -> float:
        """The size of a page that may end at a good place: half of its size, unless the pages before lost too much."""
        limit, dense = self.dialect.limit, self.dialect.dense
        least = max(limit / 2, (dense + self.place.lost) / 2 + self.repeated)
        return min(least, (limit + dense) / 2) if dense else limit / 2

    def _select_roomy(self, places: Sequence[tuple[BreakRank, int]]) -> Sequence[tuple[BreakRank, int]]:
        """The places to cut at which the page is full enough; outside of code and tables, if they are to be whole."""
        size, blocks = self._least, self.dialect.blocks / 2 or float("inf")
        lines = self.lines
        roomy = [place for place in places if lines[place[1]].size >= size or lines[place[1]].blocks >= blocks]
        outside = [place for place in roomy if lines[place[1]].open is None]
        return (outside if self.dialect.keeps_whole else []) or roomy

    def _end_before(self, line: Line) -> Cursor:
        """End the page before a line."""
        above = self.lines[-1] if self.lines else None
        self.continued = bool(
            above and above.kind is line.kind is BreakKind.TEXT and not above.blank and not begins_block(line.text)
        )
        hopeless = isinstance(line.open, Table) and line.start == self.place.at
        after = None if hopeless else line.open  # no page has room beside the header: the rest is text
        return Cursor(line.start, after, continues=self.continued, items=self._track_items())

    def _track_items(self) -> tuple[ListItem, ...]:
        """The list items that are open at the end of the page; none where that would take much of the next one."""
        items = list_open_items(self.place, self.lines) if self.dialect.standalone else ()
        return items if sum(len(item.head) + 1 for item in items) < self.dialect.limit / SHARE else ()

    def _cut_inside(self, full: int, movable: bool) -> Cursor:
        """End the page amid its last line, or before that if it is `movable` and nothing of it can stay."""
        line = self.lines.pop()
        costs = self._select_costs(line.kind)
        sizes = list(accumulate(map(costs.__getitem__, line.text), initial=self._base))
        roomy = line.start + bisect_left(sizes, self._least)
        full = min(full, line.start + bisect_right(sizes, self.dialect.limit) - 1)
        at = find_break_inside(self.text, line.start, roomy, full, movable) if full > line.start else line.start
        if at == line.start:
            return self._end_before(line)
        fence = parse_opening(self.text[line.start : at]) if line.kind is BreakKind.OPENING else line.open
        kind = line.kind if isinstance(fence, Fence) else BreakKind.TEXT
        text = self._quote + self._escape_line(self.text[line.start : at], kind)
        self.lines.append(replace(line, text=text, kind=kind))
        if isinstance(fence, Fence):  # what is too long beside a language goes on as code
            return Cursor(at, fence, amid=True)
        self.continued = True
        quote = _QUOTE.match(text) if self.dialect.standalone else None
        return Cursor(at, amid=True, continues=True, quote=quote[0] if quote else "", items=self._track_items())
