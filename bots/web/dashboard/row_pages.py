"""Pages of rows: a long table stands on several pages, so that each stays small."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from bots.web.dashboard.desk import read_number

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RowPage(Generic[T]):
    """The rows of one page.

    `number`, and `first` of its rows, count from 1; `before` and `after` are the addresses of its neighbours.
    """

    rows: Sequence[T]
    total: int = 0
    number: int = 1
    first: int = 1
    before: str = ""
    after: str = ""

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def cut_rows(request: web.Request, rows: Sequence[T], most: int, name: str = "page") -> RowPage[T]:
    """The rows of the page that an address names by a number from 1; of one that there is not, the nearest."""
    pages = max(1, -(-len(rows) // most))
    number = min(max(1, read_number(request.query.get(name, "")) or 1), pages)
    first = (number - 1) * most

    def address(other: int) -> str:
        return f"?{urlencode({**request.query, name: str(other)})}" if 1 <= other <= pages else ""

    return RowPage(rows[first : first + most], len(rows), number, first + 1, address(number - 1), address(number + 1))
