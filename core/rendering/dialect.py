"""A dialect: how a platform measures and writes the Markdown that Claude wrote."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from core.rendering.fences import Fence, parse_opening
from core.rendering.tables import split_cells


def as_is(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a platform measures and writes text.

    `prose` and `code` are given lines or parts of lines. They may not make a text larger than they make its characters
    one by one, nor may `size` find it larger than them: so it is known how large a page becomes while its text grows.
    The size of lines is the sum of theirs and of the line breaks between them.
    `table` is given rows of Markdown cells, header and rule first; what it draws is Markdown and written like the rest.
    """

    limit: int
    """The size of the largest page, written and drawn; at least 40."""
    size: Callable[[str], int] = len
    prose: Callable[[str], str] = as_is
    code: Callable[[str], str] = as_is
    table: Callable[[Sequence[Sequence[str]]], str] | None = None
    """None where the platform shows Markdown tables itself."""

    def draw_table(self, rows: Sequence[str]) -> str:
        """The lines of a table as the platform shows them."""
        lines = self.table([split_cells(row) for row in rows]).split("\n") if self.table else rows
        return "\n".join(self.write_lines(lines)[0])

    def write_lines(self, lines: Iterable[str], fence: Fence | None = None) -> tuple[list[str], Fence | None]:
        """Lines as the platform is to show them, inside an open fence or outside of one; and the fence open at last."""
        written: list[str] = []
        for line in lines:
            within, fence = fence, (None if fence.closed_by(line) else fence) if fence else parse_opening(line)
            written.append(self.code(line) if within or fence else self.prose(line))
        return written, fence


class Costs(dict[str, int]):
    """The most that each character adds to a page of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def __missing__(self, character: str) -> int:
        dialect = self._dialect
        self[character] = max(dialect.size(write(character)) for write in (dialect.prose, dialect.code))
        return self[character]

    def of(self, text: str) -> int:
        return sum(map(self.__getitem__, text))
