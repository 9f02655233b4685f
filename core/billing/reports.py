"""Accounts: what was used, as tables, as bars, and as files for other programs."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from core.billing.budgets import dollars
from core.billing.usage import UsageRow
from core.domain.usage import Usage
from core.rendering.tables import draw_table

LINES = 12  # of a table or a chart; the others are summed up in one more
BAR = 24  # characters of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉"
OTHERS = "others"
FIELDS = ("requests", "died", "unpriced")


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What was used somewhere in some time: a line for each `by`, the dearest first, days in their order."""

    title: str
    by: str
    lines: tuple[UsageRow, ...]
    workspace: str = ""

    @property
    def total(self) -> UsageRow:
        return total(self.lines)


def total(lines: Iterable[UsageRow]) -> UsageRow:
    return sum(lines, UsageRow("all", 0, 0, Usage()))


def account(title: str, by: str, lines: Sequence[UsageRow], zone: str, workspace: str = "") -> UsageReport:
    """An account of what the ledger told; of quarters of an hour it makes the days of a time zone."""
    if by == "day":
        return UsageReport(title, by, tuple(_days(lines, ZoneInfo(zone))), workspace)
    dearest = sorted(lines, key=lambda line: (-line.micro_usd, -line.usage.prompt, line.group))
    return UsageReport(title, by, tuple(dearest), workspace)


def shortened(found: UsageReport) -> UsageReport:
    """The account with few enough lines to be read."""
    if len(found.lines) <= LINES or found.by == "day":
        return found
    others = replace(total(found.lines[LINES:]), group=f"{len(found.lines) - LINES} {OTHERS}")
    return replace(found, lines=(*found.lines[:LINES], others))


def table(found: UsageReport, names: Mapping[str, str]) -> str:
    """In Markdown, with a line of totals beneath."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows(found, names))


def rows(found: UsageReport, names: Mapping[str, str]) -> list[list[str]]:
    """The table's cells, header and rule first."""
    head = [[found.by, "requests", "read", "written", "cached", "cost", "saved"], ["---", *["--:"] * 6]]
    lines = [_cells(line, _name(line.group, names)) for line in found.lines]
    if len(lines) > 1:
        lines.append(_cells(found.total, "**all**"))
    return [*head, *lines]


def bars(found: UsageReport, names: Mapping[str, str]) -> str:
    """What each line cost, drawn in characters."""
    most = max((line.micro_usd for line in found.lines), default=0)
    cells = [[_name(line.group, names), _bar(line.micro_usd, most), dollars(line.micro_usd)] for line in found.lines]
    return draw_table([[found.by, "", "cost"], ["---", "---", "--:"], *cells]).strip("`\n")


def as_csv(accounts: Sequence[UsageReport]) -> bytes:
    """One line a group, by its id, which no spreadsheet takes for a formula; dollars with six digits.

    All accounts have the same `by`.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    for found in accounts[:1]:
        writer.writerow(_record(found, found.total))
    writer.writerows(_record(found, line).values() for found in accounts for line in found.lines)
    return file.getvalue().encode()


def as_json(accounts: Sequence[UsageReport]) -> bytes:
    """A list of accounts, each with its lines."""
    listed = [{"title": one.title, "lines": [_record(one, line) for line in one.lines]} for one in accounts]
    return json.dumps(listed, indent=1, ensure_ascii=False).encode()


def notes(whole: UsageRow, misses: Iterable[UsageRow]) -> str:
    """What the numbers do not say: what stands at its bound, what has no price, why the cache missed."""
    said = []
    if whole.died:
        said.append(f"{whole.died:,} stopped before their cost was known and stand at the most they can have cost.")
    if whole.unpriced:
        said.append(f"Of models without a price, and so not in the costs: {whole.unpriced:,}.")
    reasons = [f"{miss.group} {miss.requests:,}" for miss in misses if miss.group]
    if reasons:
        said.append(f"Requests that found less in the cache than the last one left, by reason: {', '.join(reasons)}.")
    return " ".join(said)


def _record(found: UsageReport, line: UsageRow) -> dict[str, object]:
    usd = {"usd": f"{line.micro_usd / 1_000_000:.6f}", "saved_usd": f"{line.saved / 1_000_000:.6f}"}
    whose = {"workspace": found.workspace, found.by: line.group}
    return {**whose, **{name: getattr(line, name) for name in FIELDS}, **asdict(line.usage), **usd}


def _cells(line: UsageRow, name: str) -> list[str]:
    usage = line.usage
    cached = f"{usage.cache_read * 100 // usage.prompt} %" if usage.prompt else ""
    counts = (f"{number:,}" for number in (line.requests, usage.prompt, usage.output))
    return [name, *counts, cached, dollars(line.micro_usd), dollars(line.saved)]


def _name(group: str, names: Mapping[str, str]) -> str:
    """As it may stand in a table's cell."""
    return " ".join(names.get(group, group).replace("|", "/").replace("`", "'").split())


def _bar(value: int, most: int) -> str:
    eighths = round(value * BAR * 8 / most) if most else 0
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _days(quarters: Iterable[UsageRow], zone: ZoneInfo) -> list[UsageRow]:
    days: dict[str, UsageRow] = {}
    for quarter in quarters:
        at = datetime.fromisoformat(quarter.group).replace(tzinfo=UTC).astimezone(zone)
        day = f"{at:%Y-%m-%d}"
        days[day] = days.get(day, UsageRow(day, 0, 0, Usage())) + quarter
    return list(days.values())
