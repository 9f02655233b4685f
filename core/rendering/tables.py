"""Tables: their lines in Markdown, and how they are drawn where a platform shows none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.rendering.inline import SpanKind, pair_spoilers, parse_spans
from core.rendering.strip_marks import strip_marks

SCREEN = 80  # columns; a wider table breaks its lines on a laptop, and every one on a phone
SHOWN = frozenset({SpanKind.LINK, SpanKind.ADDRESS, SpanKind.NUMBERED})
"""What a platform shows as more than words, and in a block of code does not."""

_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")
_LEAD = re.compile(r"(?P<quote>(?:[ \t]*+>)*+[ \t]*+)(?P<marker>(?:[-*+]|\d{1,9}[.)])[ \t]++)?")
_PIECE = re.compile("[\U0001f1e6-\U0001f1ff]{1,64}|[^\U0001f1e6-\U0001f1ff]+")  # of half-flags no more than 32 pairs
NESTED = 2  # columns that what belongs to an item of a list stands further in at least
BAR = "\u00a6"  # between cells that stand on one line; it looks like theirs, and nothing takes it for markup
NARROWEST = 3  # columns that a column of a table takes on the screen


@dataclass(frozen=True, slots=True)
class Table:
    """An open table, by the two lines that begin every page of it, and what stands before each line that is drawn."""

    header: str
    rule: str
    lead: str = ""

    @property
    def columns(self) -> int:
        return len(self.split(self.rule))

    def split(self, line: str) -> list[str]:
        """The cells of a line of the table."""
        return split_cells(strip_lead(line) if self.lead else line)

    def row(self, line: str) -> str | None:
        """The row that `line` holds whatever follows: as far as the pipe that closes the last column."""
        inside = strip_lead(line) if self.lead else line
        pipes = [match.end() for match in _PIPE.finditer(inside)]
        closing = self.columns + inside.lstrip().startswith("|")
        return line[: len(line) - len(inside) + pipes[closing - 1]] if len(pipes) >= closing else None


def parse_table_head(header: str, rule: str, *, led: bool = False) -> Table | None:
    """The table that two neighbouring lines begin: cells, and beneath each its rule (`---`, `:--`, `:-:` or `--:`).

    One that is `led` may stand in a quote, or begin an item of a list.
    """
    if not ("|" in rule and "|" in header):
        return None
    lead = blank_marker(find_lead(header, rule)) if led else ""
    table = Table(lead + header[len(lead) :].rstrip(), rule.rstrip(), lead)
    rules = table.split(rule)
    fits = rules and len(rules) == len(table.split(table.header)) and all(_RULE.fullmatch(cell) for cell in rules)
    return table if fits else None


def find_lead(header: str, rule: str) -> str:
    """What stands before a table that is in a quote, or begins an item of a list; empty for any other."""
    above, below = _LEAD.match(header), _LEAD.match(rule)
    if not (above and below and (above["marker"] or ">" in above["quote"])):
        return ""
    inside = not above["marker"] or len(below["quote"]) >= len(above["quote"]) + NESTED
    deep = above["quote"].count(">") == below["quote"].count(">") and not below["marker"]
    return above[0] if deep and inside else ""


def blank_marker(lead: str) -> str:
    """What stands before the further lines of an item: in the place of its marker nothing."""
    return re.sub(r"[^\s>]", " ", lead)


def strip_lead(line: str) -> str:
    """A line of a table without the quote that it is in, or the indentation of its item."""
    found = _LEAD.match(line)
    return line[found.end("quote") :] if found else line


def split_cells(line: str) -> list[str]:
    """The cells of a line, as written; the pipes at its ends are optional, and `\\|` is no pipe."""
    parts = [part.strip() for part in _PIPE.split(line)]
    first = 1 if len(parts) > 1 and not parts[0] else 0
    last = len(parts) - 1 if len(parts) > first + 1 and not parts[-1] else len(parts)
    return parts[first:last]


def draw_table(rows: Sequence[Sequence[str]], screen: int = SCREEN) -> str:
    """Draw rows of Markdown cells, header and rule first, as a fenced block of aligned columns.

    Columns are measured as a terminal shows them, so wide characters, combining marks and emoji stay aligned.
    Inside the block Markdown means nothing, so emphasis loses its marks. Where a cell has a link, which would not be
    one there, or where the columns would be wider than `screen`, each row becomes an item of a list.
    """
    header, rule, *body = rows
    columns = max(len(row) for row in rows)
    table = [[strip_marks(cell) for cell in pad_row(row, columns)] for row in (header, *body)]
    widths = [max(NARROWEST, *map(measure_width, column)) for column in zip(*table, strict=True)]
    if any(map(has_links, (header, *body))) or too_wide(widths, screen):
        return "\n".join(draw_list(header, body)) if body else name_columns(header)
    drawn = [align_row(row, widths, rule) for row in table]
    mark = make_fence(drawn)
    return "\n".join([mark, drawn[0], draw_rule(widths), *drawn[1:], mark])


def too_wide(widths: Sequence[int], screen: int = SCREEN) -> bool:
    return sum(widths) + 2 * (len(widths) - 1) > screen


def has_links(row: Sequence[str]) -> bool:
    """Whether a cell of the row has what must not stand in code."""
    return any(map(_has_link, row))


@lru_cache(maxsize=4096)
def _has_link(cell: str) -> bool:
    marked = "://" in cell or "](" in cell or "<" in cell
    return _hides_words(cell) or (marked and any(span.kind in SHOWN for span in parse_spans(cell)))


def _hides_words(cell: str) -> bool:
    """Whether a spoiler hides a part of the cell, in which its bars have to be escaped; in code everybody reads it."""
    return cell.count(r"\|\|") > 1 and bool(pair_spoilers(parse_spans(cell.replace(r"\|", "|"))))


def draw_rule(widths: Sequence[int]) -> str:
    """The line beneath the header."""
    return "  ".join("-" * width for width in widths)


def pad_row(row: Sequence[str], columns: int) -> list[str]:
    return [*row, *[""] * (columns - len(row))]


def align_row(row: Sequence[str], widths: Sequence[int], rule: Sequence[str]) -> str:
    """A row in columns of these widths."""
    parts = []
    for cell, wide, colons in zip(pad_row(row, len(widths)), widths, pad_row(rule, len(widths)), strict=True):
        room = wide - measure_width(cell)
        left = (room if not colons.startswith(":") else room // 2) if colons.endswith(":") else 0
        parts.append(" " * left + cell + " " * (room - left))
    return "  ".join(parts).rstrip()


def make_fence(lines: Sequence[str]) -> str:
    """A fence longer than any run of backticks inside."""
    return "`" * max(3, *(len(run) + 1 for line in lines for run in re.findall("`+", line) or [""]))


def draw_list(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table as a list: what the first column is called, then an item for each row."""
    name = strip_marks(header[0])
    return [*([f"{name}:"] if name else []), *(line for row in body for line in draw_item(header, row))]


def draw_item(header: Sequence[str], row: Sequence[str]) -> list[str]:
    """A row as an item of a list: its first cell in bold letters, and a line for each of the others that has words."""
    columns = max(len(header), len(row))
    names = [strip_marks(name) for name in pad_row(header, columns)]
    first, *values = (cell.replace("\\|", "|") for cell in pad_row(row, columns))
    bold = f"**{first}**" if first and "*" not in first else first
    others = (f"{name}: {value}" if name else value for name, value in zip(names[1:], values, strict=True) if value)
    head, *rest = filter(None, [bold, *others]) if any([bold, *values]) else [""]
    return [f"- {head}", *(f"  {line}" for line in rest)]


def draw_row(cells: Sequence[str], *, tight: bool = False) -> str:
    """A row, or the header, on one line that is no longer than it was written; that was `tight` without blanks.

    No cell takes more than the bar behind it, also an empty one: two bars of Markdown would hide words there.
    """
    return (BAR if tight else f" {BAR} ").join(cell.replace("\\|", "|") for cell in cells).strip()


def name_columns(header: Sequence[str]) -> str:
    """What the columns of a table are called that has no rows yet."""
    return ", ".join(filter(None, map(strip_marks, header))) + ":"


@lru_cache(maxsize=4096)
def measure_width(cell: str) -> int:
    """The columns that `cell` takes on a screen. The library looks back over all half-flags before each one."""
    if cell.isascii() and cell.isprintable():
        return len(cell)
    from wcwidth import wcswidth  # noqa: PLC0415  tables of every width of letters there is, which most never need

    return sum(max(0, wcswidth(piece)) for piece in _PIECE.findall(cell))
