"""Portable values: a row as every engine can hold it, what had to be mended for that, and checksums of tables; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from core.domain.messages import clean_text

WIDE = 2**128  # checksums are sums of 128 bits
SHORT = 60  # characters of a key that are told
BOOLEANS = {0: False, 1: True}
UNPLAIN = (ValueError, KeyError, AttributeError, TypeError)


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """A column of a table. `kind` is one of `text`, `boolean`, `integer` (of `bits`), `real`."""

    name: str
    kind: str
    required: bool = False
    key: bool = False
    bits: int = 64


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table and its columns, without those that the engine computes."""

    name: str
    columns: tuple[ColumnShape, ...]

    def name_columns(self) -> list[str]:
        return [column.name for column in self.columns]


@dataclass(frozen=True, slots=True)
class UnfitValue:
    """What was found in a row: mended, or `lost` where nothing can be made of it without a loss."""

    table: str
    key: str
    column: str
    what: str
    lost: bool = False

    def describe(self) -> str:
        return f"{self.table} ({self.key}): {self.column} {self.what}"


@dataclass(slots=True)
class UnfitValues:
    """All findings: those told by name, and how many there were besides."""

    most: int = 200
    mended: list[UnfitValue] = field(default_factory=list)
    lost: list[UnfitValue] = field(default_factory=list)
    more_mended: int = 0
    more_lost: int = 0

    def add(self, found: UnfitValue) -> None:
        listed = self.lost if found.lost else self.mended
        if len(listed) < self.most:
            listed.append(found)
        elif found.lost:
            self.more_lost += 1
        else:
            self.more_mended += 1


@dataclass(slots=True)
class Checksum:
    """Rows of a table and the sum of their digests: the same in whatever order they come."""

    rows: int = 0
    total: int = 0

    def add(self, row: Sequence[Any]) -> None:
        """`row` is a tuple of None, booleans, whole numbers, floats and texts, whose `repr` says all of them."""
        digest = blake2b(repr(row).encode(), digest_size=16).digest()
        self.rows += 1
        self.total = (self.total + int.from_bytes(digest, "big")) % WIDE


class Unportable(Exception):
    """A value of which nothing can be made without a loss."""


class Carrier:
    """Makes the rows of a table portable. Texts come in as bytes."""

    def __init__(self, table: TableShape, findings: UnfitValues | None = None) -> None:
        self._table = table
        self._findings = findings
        self._plain = tuple(_choose_plain(column) for column in table.columns)

    def carry(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """The row; a value that is lost is None in it."""
        try:
            return tuple([convert(value) for convert, value in zip(self._plain, row, strict=True)])
        except UNPLAIN:
            return self._mend(row)

    def _mend(self, row: Sequence[Any]) -> tuple[Any, ...]:
        carried = []
        for column, value in zip(self._table.columns, row, strict=True):
            try:
                whole, mended = mend(column, value)
            except Unportable as error:
                whole, mended = None, ""
                self._note(row, column, str(error), lost=True)
            if mended:
                self._note(row, column, mended)
            carried.append(whole)
        return tuple(carried)

    def _note(self, row: Sequence[Any], column: ColumnShape, what: str, *, lost: bool = False) -> None:
        if self._findings is not None:
            key = ", ".join(
                f"{one.name} {_name_value(value)}"
                for one, value in zip(self._table.columns, row, strict=True)
                if one.key
            )
            self._findings.add(UnfitValue(self._table.name, key, column.name, what, lost))


def mend(column: ColumnShape, value: Any) -> tuple[Any, str]:
    """The portable value, and what was mended in it: nothing, where it is empty. Raises Unportable."""
    if value is None and column.required:
        raise Unportable("is empty, and must not be")
    if value is None:
        return None, ""
    try:
        return _choose_plain(column)(value), ""
    except UNPLAIN:
        return MENDS[column.kind](column, value)


def _choose_plain(column: ColumnShape) -> Callable[[Any], Any]:
    """What reads values that need no mending; for all others it raises one of UNPLAIN."""
    readers: dict[str, Callable[[Any], Any]] = {
        "text": _read_text,
        "boolean": BOOLEANS.__getitem__,
        "integer": _bound_integer(2 ** (column.bits - 1)),
        "real": _read_real,
    }
    read = readers[column.kind]
    if column.required:
        return read
    return lambda value: None if value is None else read(value)


def _read_text(value: bytes) -> str:
    text = value.decode()
    if "\0" in text:
        raise ValueError
    return text


def _read_real(value: float) -> float:
    if type(value) not in {int, float}:
        raise ValueError
    return float(value)


def _bound_integer(limit: int) -> Callable[[Any], int]:
    def read(value: int) -> int:
        if type(value) is not int or not -limit <= value < limit:
            raise ValueError
        return value

    return read


def _mend_text(_column: ColumnShape, value: Any) -> tuple[str, str]:
    if not isinstance(value, bytes):
        return str(value), "was a number, and is its digits now"
    try:
        text = value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return clean_text(value.decode("utf-8", "replace")), "was no UTF-8; what cannot be read became U+FFFD"
    if "\0" in text:
        return clean_text(text), "had NUL characters, which were left out"
    return clean_text(text), "had halves of characters, which were joined, or became U+FFFD where one stood alone"


def _mend_boolean(_column: ColumnShape, value: Any) -> tuple[bool, str]:
    if isinstance(value, int):
        return True, f"was {value}, and is true now"
    raise Unportable("holds text where yes or no belongs")


def _mend_integer(column: ColumnShape, value: Any) -> tuple[int, str]:
    try:
        number = int(value.decode()) if isinstance(value, bytes) else int(value)
    except (ValueError, OverflowError):
        raise Unportable("holds text where a number belongs") from None
    if isinstance(value, float) and number != value:
        raise Unportable("holds a fraction where a whole number belongs")
    limit = 2 ** (column.bits - 1)
    if not -limit <= number < limit:
        raise Unportable(f"holds a number of more than {column.bits} bits")
    return number, "was text or a fraction of nothing, and is a whole number now"


def _mend_real(_column: ColumnShape, value: Any) -> tuple[float, str]:
    try:
        return float(value), "was text, and is a number now"
    except ValueError:
        raise Unportable("holds text where a number belongs") from None


MENDS: dict[str, Callable[[ColumnShape, Any], tuple[Any, str]]] = {
    "text": _mend_text,
    "boolean": _mend_boolean,
    "integer": _mend_integer,
    "real": _mend_real,
}


def _name_value(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"
