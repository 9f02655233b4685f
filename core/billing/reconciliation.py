"""Statements: what Anthropic's console says was used, compared with the ledger."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import Enum
from pathlib import Path

from core.billing.prices import undated
from core.billing.usage import UsageRow
from core.domain.errors import UnreadableFile
from core.domain.usage import Usage
from core.rendering.tables import draw_table

DAY, MODEL, KEY = "usage_date_utc", "model_version", "api_key"
COLUMNS = {
    "usage_input_tokens_no_cache": "input",
    "usage_input_tokens_cache_write_5m": "cache_write_5m",
    "usage_input_tokens_cache_write_1h": "cache_write_1h",
    "usage_input_tokens_cache_read": "cache_read",
    "usage_output_tokens": "output",
    "web_search_count": "web_searches",
}
NOT_SENT = "stand-in"  # the model of what never left this machine

Line = tuple[str, str]
"""A day of UTC, `2026-11-20`, and a model without its date."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What was used, by day and model, of the `kinds` of tokens that the file tells of."""

    used: Mapping[Line, Usage]
    kinds: tuple[str, ...]

    @property
    def first(self) -> str:
        return min(day for day, _ in self.used)

    @property
    def last(self) -> str:
        return max(day for day, _ in self.used)


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


def read(path: str, key: str = "") -> Statement:
    """The statement in a CSV file of the console's, of one API `key` or of all. Raises UnreadableFile."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file, strict=True)
            kinds = _kinds(lines.fieldnames or (), path, key)
            found = [_parsed(line, f"{path}, line {lines.line_num}") for line in lines if key in ("", line.get(KEY))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile(f"{path} can't be read ({error}).") from None
    if not found:
        raise UnreadableFile(
            f"{path} has no line{f' of the API key {key}' if key else ''}; there is nothing to compare."
        )
    used: dict[Line, Usage] = {}
    for at, usage in found:
        used[at] = used.get(at, Usage()) + usage
    return Statement(used, kinds)


def compared(statement: Statement, bill: Iterable[UsageRow]) -> list[Comparison]:
    """Each day and model of a statement, beside those lines of the ledger's bill that lie between its days."""
    found = {at: Comparison(*at, statement.kinds, theirs) for at, theirs in statement.used.items()}
    for line in bill:
        day, dated, how = line.group.split(" ")
        model = undated(dated)
        if statement.first <= day <= statement.last and model != NOT_SENT:
            before = found.get((day, model)) or Comparison(day, model, statement.kinds, Usage())
            found[day, model] = _joined(before, line, how == "died")
    return [found[at] for at in sorted(found)]


def told(statement: Statement, found: Sequence[Comparison]) -> str:
    """The comparisons in words and tables, and how many there were of each verdict."""
    counts = [f"{sum(one.verdict is verdict for one in found):,} {verdict.value}" for verdict in Agreement]
    parts = [_told(one) for one in found]
    left_out = [kind for kind in COLUMNS.values() if kind not in statement.kinds]
    if left_out:
        parts.append(f"Not in the file, and so not compared: {', '.join(left_out)}.")
    parts.append(f"{statement.first} to {statement.last} (UTC), days and models: {', '.join(counts)}.")
    return "\n".join(parts)


def _joined(before: Comparison, line: UsageRow, died: bool) -> Comparison:
    requests = before.requests + line.requests
    if died:
        return replace(before, requests=requests, died=before.died + line.died, bound=before.bound + line.usage)
    return replace(before, requests=requests, ours=before.ours + line.usage)


def _kinds(names: Sequence[str], path: str, key: str) -> tuple[str, ...]:
    kinds = tuple(kind for column, kind in COLUMNS.items() if column in names)
    needed = [DAY, MODEL, *([KEY] if key else [])]
    missing = [name for name in needed if name not in names] or ([] if kinds else list(COLUMNS))
    if missing:
        raise UnreadableFile(
            f"{path} is no usage export of Anthropic's console: it has no column {' or '.join(missing)}."
        )
    return kinds


def _parsed(line: Mapping[str, str], where: str) -> tuple[Line, Usage]:
    if None in line or None in line.values():
        raise UnreadableFile(f"{where}: it has not as many values as there are columns.")
    try:
        day = date.fromisoformat(line[DAY].strip())
    except ValueError:
        raise UnreadableFile(f"{where}: {DAY} is a day such as 2026-08-05; `{line[DAY]}` is not.") from None
    counts = {kind: _count(column, line[column].strip(), where) for column, kind in COLUMNS.items() if column in line}
    return (day.isoformat(), undated(line[MODEL].strip())), Usage(**counts)


def _count(column: str, text: str, where: str) -> int:
    if not (text.isascii() and (text or "0").isdigit()):
        raise UnreadableFile(f"{where}: {column} is a whole number; `{text}` is not.")
    return int(text or 0)


def _told(one: Comparison) -> str:
    requests = f"{one.requests:,} request{'' if one.requests == 1 else 's'}"
    head = f"{one.day}  {one.model}  {one.verdict.value} ({requests})"
    if one.verdict is Agreement.EQUAL:
        return head
    ours, theirs = asdict(one.ours), asdict(one.theirs)
    rows = [
        [kind, f"{ours[kind]:,}", f"{theirs[kind]:,}", f"{more:+,}" if more else "0"]
        for kind, more in one.differences.items()
    ]
    table = draw_table([["kind", "ours", "theirs", "difference"], ["---", "--:", "--:", "--:"], *rows]).strip("`\n")
    return "\n".join(["", head, table, _reason(one), ""])


def _reason(one: Comparison) -> str:
    if not one.requests:
        return "The ledger has no such request: something else used Anthropic's account."
    if not one.died:
        return "No request died: something else may have used the account, or a request ran across midnight (UTC)."
    most = f"{one.bound.input:,} tokens of prompt and {one.bound.output:,} of output"
    died = f"{one.died:,} died before what they used was known; they stand at their bound, {most}."
    return f"{died} That {'explains it' if one.verdict is Agreement.EXPLAINED else 'is not all of it'}."
