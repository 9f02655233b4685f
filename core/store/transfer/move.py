"""A database moves to another engine: it is looked through, copied table by table, and compared with what stands.

Killed at any point it can be begun again: each table is copied as a whole or not at all, and until all of them were
compared the target says that it is not whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.domain.wording import count_noun
from core.store.sql_port import Unfit
from core.store.transfer.mark import MoveMark
from core.store.transfer.portable import Carrier, Checksum, TableShape, UnfitValue, UnfitValues

DONE = "done"  # the last phase: the target counts as whole, and nothing can be stopped any more
STRIDE = 1_000  # rows between two reports
LOST = "{} cannot be carried to PostgreSQL; nothing was written. Mend them in the database, or in a copy of it"
MISSING = "{} lacks {}, which belongs here; restore a copy that has it, or take it away here if it is none of Confab's"
CHANGED = (
    "the table {} has {} after it was copied, and not the {} that were read; "
    "see that nobody else writes to it, and begin again"
)
ALREADY = "{}. {} was moved to it on {}: where that is what it holds, start Confab on it"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `done` of `whole` rows; each row is read, copied and compared."""

    phase: str
    table: str
    done: int
    whole: int


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """What was carried: the rows of each table, what was mended, and the tables and columns that are none of ours."""

    source: str
    target: str
    rows: Mapping[str, int]
    mended: Sequence[UnfitValue] = ()
    more_mended: int = 0
    foreign: Sequence[str] = ()


class SourceDatabase(Protocol):
    """A database at one moment, which nobody writes meanwhile."""

    @property
    def name(self) -> str: ...

    @property
    def bytes(self) -> int:
        """How large its files are."""

    def list_tables(self) -> Sequence[str]:
        """The names of all its tables, also of those that somebody else made."""

    def list_columns(self, table: TableShape) -> Sequence[str]:
        """The names of a table's columns, without those that the engine computes."""

    def count_rows(self, table: TableShape) -> int: ...

    def read(self, table: TableShape) -> Iterator[Sequence[Any]]:
        """The rows of a table, with texts as bytes."""

    def list_orphans(self, table: TableShape) -> Iterator[UnfitValue]:
        """Rows of a table that name another one which is not there."""

    def find_mark(self) -> MoveMark | None:
        """Where it was moved before."""

    def ensure_markable(self, target: str) -> None:
        """Raises Unfit where it was moved to another database than `target`, or where nothing can say that it was."""

    def mark_moved(self, target: str) -> None:
        """Let no bot start on it any more."""


class TargetDatabase(Protocol):
    """A database that another one is carried to."""

    name: str

    def describe(self, source: str, size: int) -> Sequence[TableShape]:
        """Its tables as they will be, those that others refer to first. Nothing is written.

        Raises Unfit where it holds anything but a part of `source`, or has no room for `size` bytes.
        """

    def begin(self, source: str) -> None:
        """Make the tables, and say in them that they are not whole."""

    def read(self, table: TableShape) -> Iterator[tuple[Any, ...]]:
        """The rows of a table that stand there now."""

    def write(self, table: TableShape, rows: Iterable[Sequence[Any]]) -> None:
        """Add all these rows to an empty table, or none of them."""

    def clear(self, tables: Sequence[TableShape]) -> None:
        """Take all rows away."""

    def finish(
        self, tables: Sequence[TableShape], compare: Callable[[TableShape, Iterable[Sequence[Any]]], None]
    ) -> None:
        """Let `compare` read all rows while nobody writes, and say that the tables are whole."""


@dataclass(slots=True)
class Move:
    """One move of `source` to `target`."""

    source: SourceDatabase
    target: TargetDatabase
    report: Report
    _findings: UnfitValues = field(default_factory=UnfitValues)
    _sums: dict[str, Checksum] = field(default_factory=dict)
    _done: int = 0
    _whole: int = 0

    def run(self) -> Moved:
        """Raises Unfit, and the errors of the engines."""
        self.source.ensure_markable(self.target.name)
        tables = self._describe_target()
        foreign = self._list_foreign(tables)
        self._whole = 3 * sum(map(self.source.count_rows, tables))
        self._look_through(tables)
        self.target.begin(self.source.name)
        for table in tables[self._resume(tables) :]:
            self.target.write(table, self._read(table, "copying"))
        self.target.finish(tables, lambda table, rows: self._compare(table, rows, last=table is tables[-1]))
        self.report(Progress(DONE, "", self._whole, self._whole))
        rows = {name: found.rows for name, found in self._sums.items()}
        found = self._findings
        return Moved(self.source.name, self.target.name, rows, found.mended, found.more_mended, foreign)

    def _describe_target(self) -> Sequence[TableShape]:
        try:
            return self.target.describe(self.source.name, self.source.bytes)
        except Unfit as error:
            if mark := self.source.find_mark():
                raise Unfit(ALREADY.format(error, self.source.name, mark.at)) from error
            raise

    def _list_foreign(self, tables: Sequence[TableShape]) -> list[str]:
        """The tables and columns of the source that are none of ours. Raises Unfit where one of ours is missing."""
        ours = {table.name: table for table in tables}
        found = set(self.source.list_tables())
        if missing := sorted(ours.keys() - found):
            raise Unfit(MISSING.format(self.source.name, f"the table {missing[0]}"))
        foreign = [f"the table {name}" for name in sorted(found - ours.keys())]
        for table in tables:
            columns, wanted = self.source.list_columns(table), table.name_columns()
            if missing := [name for name in wanted if name not in columns]:
                raise Unfit(MISSING.format(self.source.name, f"the column {table.name}.{missing[0]}"))
            foreign += [f"the column {table.name}.{name}" for name in columns if name not in wanted]
        return foreign

    def _look_through(self, tables: Sequence[TableShape]) -> None:
        """Read all of the source once, before anything is written: its checksums, and what can't be carried."""
        for table in tables:
            for found in self.source.list_orphans(table):
                self._findings.add(found)
        for table in tables:
            self._sums[table.name] = _sum_up(self._read(table, "reading", self._findings))
        if lost := self._findings.lost:
            count = len(lost) + self._findings.more_lost
            lines = [f"- {one.describe()}" for one in lost]
            lines += [f"- and {self._findings.more_lost:,} more"] if self._findings.more_lost else []
            raise Unfit("\n".join([f"{LOST.format(count_noun(count, 'value'))}:", *lines]))

    def _resume(self, tables: Sequence[TableShape]) -> int:
        """How many tables an earlier try has copied. Where one is not what the source holds now, all begins anew."""
        stand = [_sum_up(self.target.read(table)) for table in tables]
        same = [stands == self._sums[table.name] for stands, table in zip(stand, tables, strict=True)]
        copied = same.index(False) if False in same else len(tables)
        if any(stands.rows for stands in stand[copied:]):
            self.target.clear(tables)
            return 0
        self._done += sum(stands.rows for stands in stand[:copied])
        return copied

    def _compare(self, table: TableShape, rows: Iterable[Sequence[Any]], *, last: bool) -> None:
        """The source is marked right before the target counts as whole: whatever ends us, no bot starts on both."""
        stands, read = _sum_up(self._tell(rows, "checking", table)), self._sums[table.name]
        if stands != read:
            raise Unfit(CHANGED.format(table.name, count_noun(stands.rows, "row"), read.rows))
        if last:
            self.source.mark_moved(self.target.name)

    def _read(self, table: TableShape, phase: str, findings: UnfitValues | None = None) -> Iterator[tuple[Any, ...]]:
        carrier = Carrier(table, findings)
        return self._tell(map(carrier.carry, self.source.read(table)), phase, table)

    def _tell(self, rows: Iterable[Any], phase: str, table: TableShape) -> Iterator[Any]:
        self.report(Progress(phase, table.name, self._done, self._whole))
        for row in rows:
            yield row
            self._done += 1
            if self._done % STRIDE == 0:
                self.report(Progress(phase, table.name, self._done, self._whole))


def _sum_up(rows: Iterable[Sequence[Any]]) -> Checksum:
    found = Checksum()
    for row in rows:
        found.add(row)
    return found
