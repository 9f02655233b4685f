"""Usage reports: rows of the ledger as Markdown tables, as bars of text, and as CSV and JSON."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, tzinfo

from core.billing.budgets import dollars
from core.billing.ledger_rows import UsageRow
from core.domain.clock import load_zone
from core.domain.usage import Usage
from core.domain.wording import count_noun, escape_controls, escape_json_controls
from core.rendering.names import write_name
from core.rendering.tables import draw_table

LINES = 12  # of a table or a chart; the others are summed up in one more
BAR = 24  # characters of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉"
HEADINGS = ("requests", "tokens in", "tokens out", "from cache", "cost", "cache saved")
MISSES = {
    "new": "began a thread",
    "model": "asked another model than before",
    "tools": "came after the tools were changed",
    "system": "came after the persona was changed",
    "notes": "came after the channel's notes were changed",
    "settings": "came after effort, thinking or the cache's time was changed",
    "history": "came after messages were edited, deleted or left out",
    "steps": "came after an answer with tools, whose calls and results only that answer is told",
    "files": "came after a picture or a PDF was added or left out",
    "expired": "came after the cache had expired",
    "small": "had too short a prompt",
    "lost": "found nothing, for no reason of ours",
}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
FIELDS = ("requests", "died", "unpriced")
FORMULA = re.compile(r"(^|[;,|\t\r\n])(\s*)(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
"""Where a spreadsheet would take the rest for a formula: at the beginning of a cell, of whichever separator."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What was used in a place and a stretch of time: a line for each `by`, the dearest first, days in their order."""

    title: str
    by: str
    lines: tuple[UsageRow, ...]
    workspace: str = ""

    @property
    def total(self) -> UsageRow:
        return sum_rows(self.lines)


def sum_rows(lines: Iterable[UsageRow]) -> UsageRow:
    return sum(lines, UsageRow("all", 0, 0, Usage()))


def build_report(title: str, by: str, lines: Sequence[UsageRow], zone: str, workspace: str = "") -> UsageReport:
    """A report of the ledger's rows; of quarters of an hour it makes the days of a time zone."""
    if by == "day":
        return UsageReport(title, by, tuple(_sum_days(lines, load_zone(zone))), workspace)
    dearest = sorted(lines, key=lambda line: (-line.micro_usd, -line.usage.prompt, line.group))
    return UsageReport(title, by, tuple(dearest), workspace)


def shorten_report(found: UsageReport) -> UsageReport:
    """The report with few enough lines to be read: the dearest, and one that sums up the others."""
    if len(found.lines) <= LINES or found.by == "day":
        return found
    others = replace(sum_rows(found.lines[LINES:]), group=count_noun(len(found.lines) - LINES, "other"))
    return replace(found, lines=(*found.lines[:LINES], others))


def render_table(found: UsageReport, names: Mapping[str, str]) -> str:
    """The report as a Markdown table, with a line of totals beneath."""
    return "\n".join(f"| {' | '.join(row)} |" for row in render_rows(found, names))


def render_rows(found: UsageReport, names: Mapping[str, str]) -> list[list[str]]:
    """The cells of the report's table, header and rule first."""
    head = [[found.by, *HEADINGS], ["---", *["--:"] * len(HEADINGS)]]
    lines = [_render_row(line, _render_name(line.group, names)) for line in found.lines]
    if len(lines) > 1:
        lines.append(_render_row(found.total, "**all**"))
    return [*head, *lines]


def render_bars(found: UsageReport, names: Mapping[str, str]) -> str:
    """What each line cost, as a bar chart in characters."""
    most = max((line.micro_usd for line in found.lines), default=0)
    cells = [
        [_render_name(line.group, names), _render_bar(line.micro_usd, most), dollars(line.micro_usd)]
        for line in found.lines
    ]
    return draw_table([[found.by, "", "cost"], ["---", "---", "--:"], *cells]).strip("`\n")


def export_csv(reports: Sequence[UsageReport]) -> bytes:
    """The reports as CSV: a line for each group, by its id. Dollars have six digits. All reports have the same `by`.

    What a spreadsheet would take for a formula begins with an apostrophe, but for numbers.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    for found in reports[:1]:
        writer.writerow(_export_row(found, found.total))
    rows = (_export_row(found, line).values() for found in reports for line in found.lines)
    writer.writerows([_defuse_cell(cell) for cell in row] for row in rows)
    return file.getvalue().encode()


def export_json(reports: Sequence[UsageReport]) -> bytes:
    """The reports as a JSON list, each with its lines."""
    listed = [{"title": one.title, "lines": [_export_row(one, line) for line in one.lines]} for one in reports]
    return "\n".join(map(escape_json_controls, json.dumps(listed, indent=1, ensure_ascii=False).split("\n"))).encode()


def describe_tools(calls: Mapping[str, int], searches: int, micro_usd: int) -> str:
    """A line for each tool: how often it was called, and what searches of the web cost beside their tokens."""
    lines = [f"- {write_name(tool)}: {count_noun(count, 'call')}" for tool, count in sorted(calls.items())]
    if searches:
        cost = f", {dollars(micro_usd)} beside their tokens" if micro_usd else ""
        lines.append(f"- {write_name('web_search')}: {count_noun(searches, 'search', 'searches')}{cost}")
    return "\n".join(["Tools:", "", *lines]) if lines else ""


def describe_caveats(whole: UsageRow, misses: Iterable[UsageRow]) -> str:
    """Notes on a report: what stands at its bound, what has no price, why the cache missed."""
    said = []
    if whole.died:
        counted = "they count as the most that they" if whole.died > 1 else "it counts as the most that it"
        said.append(
            f"{count_noun(whole.died, 'request')} broke off before the cost was known; {counted} can have cost."
        )
    if whole.unpriced:
        said.append(
            f"{count_noun(whole.unpriced, 'request')} asked models without a price, which no cost here includes."
        )
    if whole.estimate:
        said.append(f"{dollars(whole.estimate)} of it is an estimate for code that ran, whose time no answer tells.")
    reasons = [f"{miss.requests:,} {MISSES.get(miss.group, miss.group)}" for miss in misses if miss.group]
    if reasons:
        said.append(f"Requests that found less in Claude's cache than they might: {', '.join(reasons)}.")
    return " ".join(said)


def _export_row(found: UsageReport, line: UsageRow) -> dict[str, object]:
    amounts = {"usd": line.micro_usd, "saved_usd": line.saved, "estimated_usd": line.estimate}
    usd = {name: f"{micro_usd / 1_000_000:.6f}" for name, micro_usd in amounts.items()}
    whose = {"workspace": found.workspace, found.by: line.group}
    return {**whose, **{name: getattr(line, name) for name in FIELDS}, **asdict(line.usage), **usd}


def _defuse_cell(cell: object) -> object:
    """A cell that no spreadsheet carries out; a number stays one, also below zero."""
    if not isinstance(cell, str) or NUMBER.fullmatch(cell):
        return cell
    return escape_controls(FORMULA.sub(r"\1'\2", cell))


def _render_row(line: UsageRow, name: str) -> list[str]:
    usage = line.usage
    cached = f"{usage.cache_read * 100 // usage.prompt} %" if usage.prompt else ""
    counts = (f"{number:,}" for number in (line.requests, usage.prompt, usage.output))
    return [name, *counts, cached, dollars(line.micro_usd), dollars(line.saved)]


def _render_name(group: str, names: Mapping[str, str]) -> str:
    """As it may stand in a table's cell."""
    return write_name(names.get(group, group))


def _render_bar(value: int, most: int) -> str:
    eighths = round(value * BAR * 8 / most) if most else 0
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _sum_days(quarters: Iterable[UsageRow], zone: tzinfo) -> list[UsageRow]:
    days: dict[str, UsageRow] = {}
    for quarter in quarters:
        at = datetime.fromisoformat(quarter.group).replace(tzinfo=UTC).astimezone(zone)
        day = f"{at:%Y-%m-%d}"
        days[day] = days.get(day, UsageRow(day, 0, 0, Usage())) + quarter
    return list(days.values())
