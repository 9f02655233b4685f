"""The report: figures as JSON, as a table in docs/performance.md, and as plots."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Drawing

from bench.figures import Figure

BEGIN, END = "<!-- figures: `make bench` writes them -->", "<!-- end of figures -->"
HEADINGS = {
    "overhead": "Overhead",
    "short": "Short answers",
    "throughput": "Throughput",
    "calls": "Platform calls a question",
    "cost": "Cost over the least possible",
    "growth": "Growth",
    "pages": "Pages of the dashboard",
    "engines": "PostgreSQL",
    "start": "Start",
    "servers": "Servers",
    "scale": "Several processes",
    "large": "Ten million messages",
}
SCALE = {"scale", "large"}  # the parts that stand in scale.md
LIMITS = {
    "cost": "least possible",
    "growth": "empty database",
    "engines": "SQLite",
    "servers": "one server",
    "scale": "one process",
    "large": "empty database",
}
"""What stands on the limit's side where it is not the shortest bot."""
COLOURS = {"limit": "#9aa5b1", "confab": "#c4622d"}
PHASES = ("question to request, p50", "first token to first text, p50", "last token to final text, p50")


Key = tuple[str, str, str]
"""A figure's part, case and measure."""


def read_recorded(docs: Path) -> dict[Key, float]:
    """Confab's figures of the last run that was written down."""
    path = docs / "performance.json"
    recorded = json.loads(path.read_text()) if path.exists() else []
    return {(one["part"], one["case"], one["measure"]): one["confab"] for one in recorded}


def written(figures: Sequence[Figure], reasons: Mapping[str, str], docs: Path) -> None:
    """Put the figures into `docs`: performance.json, tables in performance.md and scale.md, and the plots beside them."""
    (docs / "performance.json").write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n")
    _write_tables(docs / "performance.md", [one for one in figures if one.part not in SCALE], reasons)
    _write_tables(docs / "scale.md", [one for one in figures if one.part in SCALE], reasons)
    for platform in ("slack", "discord"):
        overheads(figures, platform, docs / f"performance-{platform}.png")
    ratios(figures, docs / "performance-goals.png")


def _write_tables(page: Path, figures: Sequence[Figure], reasons: Mapping[str, str]) -> None:
    """Put tables between the marks of a page."""
    head, _, rest = page.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    page.write_text(f"{head}{BEGIN}\n\n{tables(figures, reasons)}\n{END}{tail}")


def tables(figures: Iterable[Figure], reasons: Mapping[str, str], recorded: Mapping[Key, float] | None = None) -> str:
    """A table of each part; a figure that misses its goal says why, where `reasons` knows it by its part and measure.

    With `recorded`, each figure also has what it is of the same figure in that run.
    """
    return "\n".join(
        _table(part, list(rows), reasons, recorded) for part, rows in groupby(figures, lambda one: one.part)
    )


def list_missed(figures: Iterable[Figure]) -> str:
    """A table of what misses its goal by more than its noise; nothing where all is well."""
    rows = [one for one in figures if one.missed]
    lines = [
        f"{len(rows)} goals are missed, by more than their noise:\n",
        "| part | case | measure | is | goal | noise |",
        "| --- | --- | --- | ---: | ---: | ---: |",
        *(_row_of_missed(one) for one in rows),
    ]
    return "\n".join(lines) if rows else ""


def _row_of_missed(one: Figure) -> str:
    goal = f"{'at least' if one.more else 'at most'} {one.goal:g}"
    return f"| {one.part} | {one.case} | {one.measure} | {one.value:.3g} | {goal} | {one.noise:.0%} |"


def _table(
    part: str, figures: Sequence[Figure], reasons: Mapping[str, str], recorded: Mapping[Key, float] | None
) -> str:
    more = ("", "") if recorded is None else (" of the last run |", " ---: |")
    lines = [
        f"### {HEADINGS[part]}\n",
        f"| case | measure | {LIMITS.get(part, 'limit')} | Confab | ratio | goal | |{more[0]}",
        f"| --- | --- | ---: | ---: | ---: | ---: | --- |{more[1]}",
        *(_row(one) + _compare(one, recorded) for one in figures),
    ]
    missed = {reasons[f"{part}: {one.measure}"] for one in figures if one.met is False and _reason(one, reasons)}
    return "\n".join([*lines, *(f"\n{why}" for why in sorted(missed)), ""])


def _reason(figure: Figure, reasons: Mapping[str, str]) -> bool:
    return f"{figure.part}: {figure.measure}" in reasons


def _compare(one: Figure, recorded: Mapping[Key, float] | None) -> str:
    """One more cell: what it is of what was recorded."""
    if recorded is None:
        return ""
    before = recorded.get((one.part, one.case, one.measure))
    return f" {one.confab / before:.2f} |" if before else "  |"


def _row(one: Figure) -> str:
    ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
    goal = "" if one.goal is None else f"{'≥ ' * one.more}{one.goal:g}"
    met = {None: "", True: "met", False: "**missed**"}[one.met]
    limit = "" if one.limit is None else _number(one.limit, one.unit)
    return f"| {one.case} | {one.measure} | {limit} | {_number(one.confab, one.unit)} | {ratio} | {goal} | {met} |"


def _number(value: float, unit: str) -> str:
    shown = f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"
    return f"{shown} {unit}".strip()


def overheads(figures: Iterable[Figure], platform: str, path: Path) -> None:
    """The middle overheads of one platform as bars, the limit's beside Confab's."""
    rows = [one for one in figures if one.part == "overhead" and one.case.startswith(platform)]
    drawing = Drawing(figsize=(10, 3.6), layout="constrained")
    for number, phase in enumerate(PHASES):
        axes = drawing.add_subplot(1, len(PHASES), number + 1)
        chosen = [one for one in rows if one.measure == phase]
        _bars(axes, chosen)
        axes.set_title(phase, fontsize=9)
        axes.set_yticks(range(len(chosen)), [_short(one.case) if not number else "" for one in chosen], fontsize=7)
    drawing.axes[0].legend(fontsize=7)
    _saved(drawing, path)


def _bars(axes, rows: Sequence[Figure]) -> None:
    for offset, side in ((-0.2, "limit"), (0.2, "confab")):
        places = [place + offset for place in range(len(rows))]
        axes.barh(places, [getattr(one, side) for one in rows], 0.38, color=COLOURS[side], label=side)
    axes.invert_yaxis()
    axes.set_xlabel("ms", fontsize=8)
    axes.tick_params(axis="x", labelsize=7)


def _short(case: str) -> str:
    return case.partition(", ")[2].replace(" a call", "").replace(" messages", "")


def _find_part(one: Figure) -> float:
    """A figure as a part of its goal; where more is better, the goal as a part of it."""
    return (one.goal or 1) / one.value if one.more else one.value / (one.goal or 1)


def ratios(figures: Iterable[Figure], path: Path) -> None:
    """Every figure that has a goal, as a part of its goal: what is beyond the line misses it."""
    rows = [one for one in figures if one.goal is not None]
    drawing = Drawing(figsize=(10, 0.6 + 0.22 * len(rows)), layout="constrained")
    axes = drawing.add_subplot()
    parts = [_find_part(one) for one in rows]
    axes.barh(range(len(rows)), parts, 0.7, color=[COLOURS["limit" if one.met else "confab"] for one in rows])
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), [f"{one.part}: {one.case}, {one.measure}" for one in rows], fontsize=6)
    axes.set_xlabel("part of the goal; less is better, and beyond 1 it is missed", fontsize=8)
    axes.invert_yaxis()
    _saved(drawing, path)


def _saved(drawing: Drawing, path: Path) -> None:
    FigureCanvasAgg(drawing)
    drawing.savefig(path, dpi=90)
