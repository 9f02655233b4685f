"""A dialect: how a platform measures and writes the Markdown that Claude wrote."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.rendering.break_points import BreakKind
from core.rendering.fences import Fence, break_runs, parse_opening, plain_mark, plain_opening
from core.rendering.inline import MARKS
from core.rendering.tables import blank_marker, draw_table, find_lead, split_cells, strip_lead

REMEMBERED = 2_000  # characters whose costs are kept, of each dialect: more than a language writes every day


def as_is(text: str) -> str:
    return text


def measure_utf16(text: str) -> int:
    """The length of `text` in UTF-16 units: the strictest way in which a platform may count characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a platform measures and writes text.

    `prose` and `code` are given lines or parts of lines. They may not make a text larger than they make its characters
    one by one, and by one more for each of those that are `escaped` in prose, nor may `size` find it larger than them:
    so it is known how large a page becomes while its text grows.
    The size of lines is the sum of theirs and of the line breaks between them.
    What is drawn of a table is Markdown and written like the rest.
    """

    limit: int
    """The size of the largest page, written and drawn; at least 40."""
    size: Callable[[str], int] = len
    prose: Callable[[str], str] = as_is
    code: Callable[[str], str] = as_is
    screen: int = 0
    """The most columns of a table that we draw; 0 where the platform shows Markdown tables itself."""

    standalone: bool = False
    """Whether each page is to be understood without its neighbours, where only fences of three backticks are known:
    what is open at its end is closed there, and opened again on the next one."""
    marks: str = MARKS
    """The marks that are closed and opened again."""
    escaped: str = ""
    """Characters that `prose` may make one larger."""
    growth: Callable[[str], int] | None = None
    """By how much `prose` makes a line larger at most, which is known once it is whole; None if no better than that."""
    dense: int = 0
    """The size that the pages of a long text have on average at least, whatever stands on them, as far as lines can be
    cut: a page ends at a better place only while there are pages enough. 0 if it may always, once it is half full."""
    growing: int | None = None
    """By how much all tables of a text may be longer drawn than written; further rows are short. None for any."""
    blocks: int = 0
    """The most blocks of a page, as `BlockCount` counts them, at least 4; 0 where they don't count."""
    rows: int = 0
    """The most rows of a table, with its header; 0 where tables have no such limits."""
    cells: int = 0
    """The most UTF-16 units of all tables of a page, where their rows are limited; 0 for any."""
    columns: int = 0
    """The most columns of a table; a wider one is shown as it was written. 0 for any."""
    keeps_whole: bool = False
    """Whether a page that is half full ends before a table or code, rather than in it."""

    def draw_table(self, rows: Sequence[str], lead: str | None = None) -> str:
        """The lines of a table as the platform shows them, behind its `lead`; None: behind that of the first two."""
        if not self.screen:
            return "\n".join(self.write_lines(rows)[0])
        header, rule, *body = rows
        first = find_lead(header, rule) if lead is None else lead
        cells = [header.removeprefix(first), *(strip_lead(row) if first else row for row in (rule, *body))]
        above, *below = draw_table([split_cells(row) for row in cells], self.screen - len(first)).split("\n")
        lines = [first + above, *(blank_marker(first) + line for line in below)]
        return "\n".join(self.write_lines(lines)[0])

    def write_lines(self, lines: Iterable[str], fence: Fence | None = None) -> tuple[list[str], Fence | None]:
        """Lines as the platform is to show them, inside an open fence or outside of one; and the fence open at last."""
        written: list[str] = []
        for line in lines:
            within, fence = fence, (None if fence.closed_by(line) else fence) if fence else parse_opening(line)
            if within and fence:
                written.append(self.write_code(line))
            elif fence:
                written.append(self.write_opening(line))
            elif within:
                written.append(self.write_mark(line))
            else:
                written.append(self.prose(line))
        return written, fence

    def write_code(self, line: str) -> str:
        """A line of code, in which nothing closes its fence."""
        return self.code(break_runs(line) if self.standalone else line)

    def write_opening(self, line: str) -> str:
        """A line that opens a fence; what it says beside a language stands on a line above it."""
        return "\n".join(map(self.code, (plain_opening(line) if self.standalone else line).split("\n")))

    def write_mark(self, line: str) -> str:
        """A line that opens a fence again, or closes it."""
        return self.code(plain_mark(line) if self.standalone else line)


class Costs(dict[str, int]):
    """The most that each character adds to a page of a dialect; those of `larger` may add one more.

    It remembers the first `REMEMBERED` characters that it is asked about.
    """

    def __init__(self, dialect: Dialect, larger: str = "") -> None:
        super().__init__()
        self._dialect, self._larger = dialect, larger

    def __missing__(self, character: str) -> int:
        dialect = self._dialect
        size = max(dialect.size(write(character)) for write in (dialect.prose, dialect.code))
        cost = size + (character in self._larger)
        if len(self) < REMEMBERED:
            self[character] = cost
        return cost

    def of(self, text: str) -> int:
        return sum(map(self.__getitem__, text))

    def find_excess(self, line: str, kind: BreakKind) -> tuple[int, int]:
        """How much less a line takes once it is whole, and what else it takes to close the marks on it."""
        dialect = self._dialect
        if dialect.growth is None:
            return 0, 0
        if kind is BreakKind.CODE:
            return self.of(line) - dialect.size(dialect.write_code(line)), 0
        if kind is BreakKind.OPENING:
            return self._find_excess_of_fence(line), 0
        spare = max(0, self.of(line) - dialect.size(line) - dialect.growth(line)) if kind is BreakKind.TEXT else 0
        closing = min(spare, sum(map(line.count, dialect.marks)))
        return spare - closing, closing

    def _find_excess_of_fence(self, line: str) -> int:
        dialect, fence, written = self._dialect, parse_opening(line), self._dialect.write_opening(line)
        if fence is None or "\n" in written:
            return 0
        taken = dialect.size(f"{written}\n{dialect.write_mark(fence.closing)}")
        return self.of(f"{line}\n{fence.closing}\n{fence.lead}") - taken


@lru_cache(maxsize=16)
def find_costs(dialect: Dialect, larger: str = "") -> Costs:
    """The costs of a dialect, which all its pages share: each character is measured once in a process."""
    return Costs(dialect, larger)
