"""Reconciliation: a statement of usage from Anthropic's console is compared with the ledger."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from core.billing.ledger_rows import UsageRow
from core.billing.prices import DIGITS, parse_count, strip_date
from core.domain.errors import UnreadableFile
from core.domain.usage import Usage
from core.domain.wording import count_noun, describe_days, escape_controls
from core.rendering.tables import draw_table

DAY, MODEL, KEY = "usage_date_utc", "model_version", "api_key"
SHOWN = 40  # characters of a wrong value that are repeated
NOT_SENT = "stand-in"  # the model of what never left this machine

DayAndModel = tuple[str, str]
"""A day of UTC, `2026-11-20`, and a model without its date."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What was used, by day and model, of the `kinds` of tokens that the file tells of."""

    used: Mapping[DayAndModel, Usage]
    kinds: tuple[str, ...]

    @property
    def first(self) -> str:
        return min(day for day, _ in self.used)

    @property
    def last(self) -> str:
        return max(day for day, _ in self.used)


def _parse_day(text: str) -> date:
    return date.fromisoformat(text.strip())


def _parse_count(text: str) -> int:
    """A count; an empty cell is 0."""
    return parse_count(text.strip() or "0")


Count = Annotated[int, BeforeValidator(_parse_count)]


class StatementRow(BaseModel):
    """One row of the console's export, by the names of its columns; those that it may lack have a default."""

    day: Annotated[date, BeforeValidator(_parse_day)] = Field(validation_alias=DAY)
    model: str = Field(validation_alias=MODEL)
    input: Count = Field(default=0, validation_alias="usage_input_tokens_no_cache")
    cache_write_5m: Count = Field(default=0, validation_alias="usage_input_tokens_cache_write_5m")
    cache_write_1h: Count = Field(default=0, validation_alias="usage_input_tokens_cache_write_1h")
    cache_read: Count = Field(default=0, validation_alias="usage_input_tokens_cache_read")
    output: Count = Field(default=0, validation_alias="usage_output_tokens")
    web_searches: Count = Field(default=0, validation_alias="web_search_count")

    @property
    def usage(self) -> Usage:
        return Usage(**{kind: getattr(self, kind) for kind in COLUMNS.values()})


COLUMNS = {
    str(field.validation_alias): name for name, field in StatementRow.model_fields.items() if name in Usage.__slots__
}


class Agreement(Enum):
    """What a comparison came to."""

    EQUAL = "equal"
    EXPLAINED = "explained by requests that died"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A day and a model: what the ledger knows was used, and what the statement says."""

    day: str
    model: str
    kinds: tuple[str, ...]
    theirs: Usage
    ours: Usage = field(default_factory=Usage)
    requests: int = 0
    died: int = 0
    """Requests, of these, whose usage the ledger does not know."""
    bound: Usage = field(default_factory=Usage)
    """The most that those can have used: prompts as `input`, and `output`."""

    @property
    def differences(self) -> dict[str, int]:
        """Theirs less ours, of each kind."""
        return {kind: getattr(self.theirs, kind) - getattr(self.ours, kind) for kind in self.kinds}

    @property
    def verdict(self) -> Agreement:
        """What died can have been billed up to its bound, whichever kind its prompt's tokens were."""
        more = {**dict.fromkeys(COLUMNS.values(), 0), **self.differences}
        if not any(more.values()):
            return Agreement.EQUAL
        prompt = sum(count for kind, count in more.items() if kind not in ("output", "web_searches"))
        held = prompt <= self.bound.input and more["output"] <= self.bound.output and not more["web_searches"]
        return Agreement.EXPLAINED if held and min(more.values()) >= 0 else Agreement.DIFFERENT

    @property
    def explained(self) -> bool:
        return self.verdict is not Agreement.DIFFERENT


def read_statement(path: str, key: str = "") -> Statement:
    """Read the statement in a CSV file of the console's, of one API `key` or of all. Raises UnreadableFile."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            kinds = _find_kinds(rows.fieldnames or (), path, key)
            found = [_parse_row(row, f"{path}, line {rows.line_num}") for row in rows if key in ("", row.get(KEY))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile(f"{path} can't be read ({error}).") from None
    if not found:
        whose = f" of the API key {key}" if key else ""
        raise UnreadableFile(f"{path} has no line{whose}; there is nothing to compare.")
    used: dict[DayAndModel, Usage] = {}
    for at, usage in found:
        used[at] = used.get(at, Usage()) + usage
    return Statement(used, kinds)


def compare_statement(statement: Statement, bill: Iterable[UsageRow]) -> list[Comparison]:
    """Compare each day and model of a statement with those lines of the ledger's bill that lie between its days."""
    found = {at: Comparison(*at, statement.kinds, theirs) for at, theirs in statement.used.items()}
    for line in bill:
        day, dated, how = line.group.split(" ")
        model = strip_date(dated)
        if statement.first <= day <= statement.last and model != NOT_SENT:
            before = found.get((day, model)) or Comparison(day, model, statement.kinds, Usage())
            found[day, model] = _add_row(before, line, how == "died")
    return [found[at] for at in sorted(found)]


def describe_comparisons(statement: Statement, found: Sequence[Comparison]) -> str:
    """The comparisons in words and tables, and how many there were of each verdict."""
    counts = [f"{sum(one.verdict is verdict for one in found):,} {verdict.value}" for verdict in Agreement]
    parts = [_describe_one(one) for one in found]
    left_out = [kind for kind in COLUMNS.values() if kind not in statement.kinds]
    if left_out:
        parts.append(f"Not in the file, and so not compared: {', '.join(left_out)}.")
    parts.append(f"{describe_days(statement.first, statement.last)} (UTC), days and models: {', '.join(counts)}.")
    return "\n".join(parts)


def _add_row(before: Comparison, line: UsageRow, died: bool) -> Comparison:
    requests = before.requests + line.requests
    if died:
        return replace(before, requests=requests, died=before.died + line.died, bound=before.bound + line.usage)
    return replace(before, requests=requests, ours=before.ours + line.usage)


def _find_kinds(names: Sequence[str], path: str, key: str) -> tuple[str, ...]:
    kinds = tuple(kind for column, kind in COLUMNS.items() if column in names)
    needed = [DAY, MODEL, *([KEY] if key else [])]
    missing = [name for name in needed if name not in names] or ([] if kinds else list(COLUMNS))
    if missing:
        columns = " or ".join(missing)
        raise UnreadableFile(f"{path} is no usage export of Anthropic's console: it has no column {columns}.")
    return kinds


def _parse_row(row: Mapping[str, str], where: str) -> tuple[DayAndModel, Usage]:
    if None in row or None in row.values():  # as DictReader has what is too much, and what is missing
        raise UnreadableFile(f"{where}: it has not as many values as there are columns.")
    try:
        parsed = StatementRow.model_validate(row)
    except ValidationError as error:
        column = str(error.errors()[0]["loc"][0])
        rule = "a day such as 2026-08-05" if column == DAY else f"a whole number of at most {DIGITS} digits"
        found = escape_controls(row[column].strip()[:SHOWN])
        raise UnreadableFile(f"{where}: {column} is {rule}; `{found}` is not.") from None
    return (parsed.day.isoformat(), strip_date(parsed.model.strip())), parsed.usage


def _describe_one(one: Comparison) -> str:
    head = f"{one.day}  {escape_controls(one.model)}  {one.verdict.value} ({count_noun(one.requests, 'request')})"
    if one.verdict is Agreement.EQUAL:
        return head
    ours, theirs = asdict(one.ours), asdict(one.theirs)
    rows = [
        [kind, f"{ours[kind]:,}", f"{theirs[kind]:,}", f"{more:+,}" if more else "0"]
        for kind, more in one.differences.items()
    ]
    table = draw_table([["kind", "ours", "theirs", "difference"], ["---", "--:", "--:", "--:"], *rows]).strip("`\n")
    return "\n".join(["", head, table, _explain_difference(one), ""])


def _explain_difference(one: Comparison) -> str:
    if not one.requests:
        return "The ledger has no such request: something else used Anthropic's account."
    if not one.died:
        return "No request died: something else may have used the account, or a request ran across midnight (UTC)."
    most = f"{count_noun(one.bound.input, 'token')} of prompt and {one.bound.output:,} of output"
    whose = "it used was known; it stands at its" if one.died == 1 else "they used was known; they stand at their"
    died = f"{one.died:,} died before what {whose} bound, {most}."
    return f"{died} That {'explains it' if one.verdict is Agreement.EXPLAINED else 'is not all of it'}."
