"""A table: its lines in Markdown, and how it is drawn where a platform shows none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from wcwidth import wcswidth

SCREEN = 80  # columns; a wider table breaks its lines on a laptop, and every one on a phone

_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")


@dataclass(frozen=True, slots=True)
class Table:
    """An open table, by the two lines that begin every page of it."""

    header: str
    rule: str

    @property
    def columns(self) -> int:
        return len(cells(self.rule))

    def row(self, line: str) -> str | None:
        """The row that `line` holds whatever follows: as far as the pipe that closes the last column."""
        pipes = [match.end() for match in _PIPE.finditer(line)]
        closing = self.columns + line.lstrip().startswith("|")
        return line[: pipes[closing - 1]] if len(pipes) >= closing else None


def begun(header: str, rule: str) -> Table | None:
    """The table that two neighbouring lines begin: cells, and beneath each its rule (`---`, `:--`, `:-:` or `--:`)."""
    rules = cells(rule) if "|" in rule and "|" in header else []
    fits = rules and len(rules) == len(cells(header)) and all(_RULE.fullmatch(cell) for cell in rules)
    return Table(header.rstrip(), rule.rstrip()) if fits else None


def cells(line: str) -> list[str]:
    """The cells of a line, as written; the pipes at its ends are optional, and `\\|` is no pipe."""
    parts = [part.strip() for part in _PIPE.split(line)]
    first = 1 if len(parts) > 1 and not parts[0] else 0
    last = len(parts) - 1 if len(parts) > first + 1 and not parts[-1] else len(parts)
    return parts[first:last]


def draw_table(rows: Sequence[Sequence[str]]) -> str:
    """Draw rows of Markdown cells, header and rule first, as a fenced block of aligned columns.

    Columns are measured as a terminal shows them, so wide characters, combining marks and emoji stay aligned.
    Inside the block Markdown means nothing, so emphasis loses its marks and a link shows its address in brackets.
    Where the columns would be wider than `SCREEN`, each row becomes a list item with one `header: value` a line.
    """
    header, rule, *body = rows
    columns = max(len(row) for row in rows)
    table = [[_plain(cell) for cell in _padded(row, columns)] for row in (header, *body)]
    widths = [max(3, *map(_width, column)) for column in zip(*table, strict=True)]
    if sum(widths) + 2 * (columns - 1) > SCREEN:
        return _listed([_padded(row, columns) for row in (header, *body)])
    drawn = [_aligned(row, widths, _padded(rule, columns)) for row in table]
    mark = _fence(drawn)
    return "\n".join([mark, drawn[0], "  ".join("-" * width for width in widths), *drawn[1:], mark])


def _padded(row: Sequence[str], columns: int) -> list[str]:
    return [*row, *[""] * (columns - len(row))]


def _aligned(row: Sequence[str], widths: Sequence[int], rules: Sequence[str]) -> str:
    parts = []
    for cell, width, rule in zip(row, widths, rules, strict=True):
        room = width - _width(cell)
        left = (room if not rule.startswith(":") else room // 2) if rule.endswith(":") else 0
        parts.append(" " * left + cell + " " * (room - left))
    return "  ".join(parts).rstrip()


def _fence(lines: Sequence[str]) -> str:
    """A fence longer than any run of backticks inside."""
    return "`" * max(3, *(len(run) + 1 for line in lines for run in re.findall("`+", line) or [""]))


def _listed(rows: Sequence[Sequence[str]]) -> str:
    names = [_plain(name) for name in rows[0]]
    body = rows[1:] or [[""] * len(names)]
    return "\n".join("- " + "\n  ".join(filter(None, map(_named, names, row))) for row in body)


def _named(name: str, value: str) -> str:
    value = value.replace("\\|", "|")
    return f"**{name}:** {value}".rstrip() if name else value


_MARKED = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<break><br\s*/?>|[\x00-\x1f\x7f-\x9f])"
    r"|(?P<ticks>`+)(?!`)\s?(?P<code>.+?)\s?(?<!`)(?P=ticks)(?!`)"
    r"|!?\[(?P<label>[^\[\]]*)\]\((?P<address>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)"
    r"|(?P<mark>\*\*\*|\*\*|~~|(?<!\w)(?:\*|__?))(?=\S)(?P<inner>.+?)(?<=\S)(?P=mark)(?!(?<=_)\w)"
)


@lru_cache(maxsize=4096)
def _plain(cell: str) -> str:
    """`cell` as it reads without its Markdown marks."""
    return _MARKED.sub(_unmarked, cell)


def _unmarked(match: re.Match[str]) -> str:
    if match["escaped"]:
        return match["escaped"]
    if match["break"]:
        return " "
    if match["code"]:
        return match["code"].replace("\\|", "|")
    if match["label"] is None:
        return _plain(match["inner"])
    label = _plain(match["label"])
    return label if label == match["address"] else f"{label} ({match['address']})".lstrip()


@lru_cache(maxsize=4096)
def _width(cell: str) -> int:
    return max(0, wcswidth(cell))
