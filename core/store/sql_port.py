"""The port to a database engine: transactions in which units of work ask in SQL that every engine understands.

A unit of work is a plain function over `Sql`. It knows no driver, and may be repeated by its engine when the
transaction could not end. What returns nothing may be sent with the next statement that returns rows, and fail with it.
Statements name their parameters, as in `:name`. A list as a parameter is for `among` alone.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from core.store.audit_log import AuditKeys
from core.store.records.heartbeat import News

T = TypeVar("T")
Row = dict[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Types:
    """How an engine writes what portable DDL leaves open."""

    id: str
    """The type of a table's number, which is its primary key and is given by the engine."""
    text: str
    boolean: str
    integer: str
    """The type of a whole number that takes 64 bits."""
    strict: str
    """What ends a CREATE TABLE."""

    def write(self, statement: str) -> str:
        """The statement as this engine reads it."""
        return statement.format(**asdict(self))


class Sql(Protocol):
    """One open transaction."""

    @property
    def keys(self) -> AuditKeys:
        """What rows of the audit log are sealed with; the store was opened with them."""

    def one(self, statement: str, values: Values) -> Row | None:
        """The first row, if there is any."""

    def many(self, statement: str, values: Values) -> list[Row]:
        """All rows."""

    def many_each(self, *asked: tuple[str, Values]) -> list[list[Row]]:
        """All rows of each of several statements: none needs what another returns, so they are sent together."""

    def foresee(self, *asked: tuple[str, Values]) -> None:
        """Say what this unit of work will ask once, and does not change before: it may come along with other rows."""

    def execute(self, statement: str, values: Values) -> None:
        """Change rows."""

    def count_changes(self, statement: str, values: Values) -> int:
        """Change rows. How many there were."""

    def insert(self, table: str, row: Values) -> None:
        """Add a row."""

    def insert_numbered(self, table: str, row: Values) -> int:
        """Add a row to a table whose primary key is `id`; its id."""

    def insert_new(self, table: str, row: Values) -> None:
        """Add a row, unless one with a key of its own is there already."""

    def update(self, table: str, number: int, changes: Values) -> None:
        """Change the row with the id `number`."""

    def lock(self, name: str) -> None:
        """Advisory lock: until this transaction ends, others that lock the same name wait."""

    def announce(self, subject: str, concerned: str, values: Values) -> None:
        """Tell other processes of this, if the transaction happens and the engine has a way to.

        The SELECT `concerned` gives a row for each that is told: its `process` (empty: everybody), and the `workspace`,
        `channel` and `thread` that it is told of, which may be empty.
        """

    def now(self) -> datetime:
        """The time on the engine's clock."""

    def lease_time(self) -> datetime:
        """The time that leases and heartbeats count on: all processes of the database read the same."""

    def among(self, column: str, names: str) -> str:
        """A condition: `column` is in the list that is given as the parameter `names`."""

    def recursive(self, name: str, column: str, seed: str, steps: Sequence[tuple[str, str, str]], most: str) -> str:
        """A recursive query for distinct values, which begin with those of the SELECT `seed` and grow by steps.

        A step is an expression, the tables that it comes from, and a condition, which may name `name.column`. The
        parameter `most` says how many values are enough: those of the fewest steps.
        """


class Engine(Protocol):
    """An open database."""

    in_order: bool
    """Whether a unit of work sees all that was asked for before it: they are done one after another."""

    async def unit(self, work: Callable[[Sql], T], *, patient: bool = False) -> T:
        """What `work` does happens as a whole, or not at all. Raises StoreUnavailable.

        What it finds unprepared is prepared, and then it is done again. One that is `patient` may begin a tenth of a
        second late, where it costs less in the company of others.
        """

    def sweep_soon(self) -> None:
        """Begin to clear what was erased out of the files, and wait for nothing. Between two sweeps there is a rest."""

    async def finish_sweep(self) -> None:
        """Wait until no sweep is under way."""

    async def listen(self, hear: Callable[[News], None]) -> None:
        """Tell what other processes announce, until cancelled; return at once where they can't announce anything."""

    async def shut(self) -> None:
        """Do what waits and close the database."""


class Unprepared(Exception):
    """A unit of work can't end before others: those that `prepare`, each again and again until it returns True."""

    def __init__(self, prepare: Sequence[Callable[[Sql], bool]]) -> None:
        self.prepare = prepare


async def prepare_and_do(do: Callable[[Callable[[Sql], Any]], Awaitable[Any]], work: Callable[[Sql], Any]) -> Any:
    """What `work` returns in a unit of work, as an engine can `do` one, after those that it can't end before."""
    while True:
        try:
            return await do(work)
        except Unprepared as found:
            for step in found.prepare:
                while not await do(step):
                    pass


class Unfit(Exception):
    """A database that can be read and can't be used; says why, and what mends it."""


def stamp(at: datetime) -> str:
    """Write a time as text of one width, in UTC, that sorts by time: `2026-11-20T10:00:00.000000+00:00`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def parse_stamp(text: str) -> datetime:
    return datetime.fromisoformat(text)
