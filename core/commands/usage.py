"""The `usage` command: report what was asked of Claude and what it cost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.billing import reports
from core.billing.budgets import Period, dollars, find_period_start
from core.billing.ledger_rows import Scope
from core.billing.png_chart import Bar, draw_chart
from core.billing.reports import UsageReport
from core.commands.registry import Command, Invocation, Parameter, ParameterKind
from core.domain.messages import CommandResult, File, Rank
from core.domain.wording import count_noun, describe_days
from core.store.protocols import Ledger

SINCE = {"today": Period.DAY, "week": Period.WEEK, "month": Period.MONTH}
SPANS = {"today": "today", "week": "this week", "month": "this month"}
WHOSE = {"me": "You", "channel": "This channel", "workspace": "This workspace"}
BY = {"me": "model", "channel": "person", "workspace": "channel"}  # what tells most, where nothing is named


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """A query for a usage report: of a scope that is called `whose`, `since` the beginning of a span, `by` what."""

    scope: Scope
    whose: str
    since: str
    by: str


async def load_report(ledger: Ledger, wanted: UsageQuery, zone: str, now: datetime) -> UsageReport:
    """Query the ledger for a report, in days of `zone`."""
    began_at = find_period_start(SINCE[wanted.since], now, zone)
    lines = await ledger.sum_usage(wanted.scope, began_at, "quarter" if wanted.by == "day" else wanted.by)
    days = describe_days(f"{began_at:%Y-%m-%d}", f"{now.astimezone(began_at.tzinfo):%Y-%m-%d}")
    title = f"{wanted.whose}, {SPANS[wanted.since]} ({days}, {zone})"
    return reports.build_report(title, wanted.by, lines, zone, wanted.scope.workspace)


async def summarise_spans(ledger: Ledger, scope: Scope, zone: str, now: datetime) -> str:
    """The cost of each span: `Today **$0.21**; this week **$1.40**; this month **$1.40**.`"""
    spent = [
        reports.sum_rows(await ledger.sum_usage(scope, find_period_start(SINCE[span], now, zone), "model"))
        for span in SINCE
    ]
    said = (f"{span} **{dollars(one.micro_usd)}**" for span, one in zip(SPANS.values(), spent, strict=True))
    return "; ".join(said).capitalize() + "."


async def load_caveats(ledger: Ledger, wanted: UsageQuery, found: UsageReport, zone: str, now: datetime) -> str:
    """Notes on a report: requests at their bound or without a price, and the reasons of cache misses."""
    misses = await ledger.sum_usage(wanted.scope, find_period_start(SINCE[wanted.since], now, zone), "miss")
    return reports.describe_caveats(found.total, misses)


async def show_usage(call: Invocation) -> CommandResult:
    of, since = call.values.get("of", "channel"), call.values.get("since", "month")
    wanted = UsageQuery(_find_scope(call, of), WHOSE[of], since, call.values.get("by", BY[of]))
    ledger, zone, now = call.context.store.ledger, await _find_zone(call), call.context.clock()
    found = await load_report(ledger, wanted, zone, now)
    kind = call.values.get("as", "table")
    if kind != "table":
        return _export_report(found, kind)
    if not found.lines:
        return CommandResult(f"**{found.title}**\n\nNothing was asked.")
    spans = await summarise_spans(ledger, wanted.scope, zone, now)
    votes = await ledger.count_votes(wanted.scope, find_period_start(SINCE[wanted.since], now, zone))
    tools = await _load_tools(call, wanted.scope, find_period_start(SINCE[since], now, zone))
    notes = (str(votes) if votes else "", tools, await load_caveats(ledger, wanted, found, zone, now))
    return await _render_report(call, reports.shorten_report(found), spans, notes)


async def _load_tools(call: Invocation, scope: Scope, since: datetime) -> str:
    """A line for each tool that was used."""
    store, catalog = call.context.store, call.context.catalog
    calls = await store.tool_use.count_calls(scope, since)
    searched = {line.group: line.usage.web_searches for line in await store.ledger.sum_usage(scope, since, "model")}
    cost = sum(catalog.price_searches(model, count) for model, count in searched.items()) if catalog else 0
    return reports.describe_tools(calls, sum(searched.values()), cost)


async def _render_report(call: Invocation, found: UsageReport, spans: str, notes: Sequence[str]) -> CommandResult:
    names = await _load_names(call, found)
    parts = (f"**{found.title}**", spans, reports.render_table(found, names), *notes)
    text = "\n\n".join(part for part in parts if part)
    return CommandResult(text, (await asyncio.to_thread(_draw_report, found, names),))


async def _load_names(call: Invocation, found: UsageReport) -> dict[str, str]:
    """The names of a report's groups, of people and channels as far as the platform knows them."""
    groups = {line.group for line in found.lines}
    if found.by == "channel":
        shown = await call.surface.names({f"#{group}" for group in groups})
        return {channel.removeprefix("#"): f"#{name}" for channel, name in shown.items()}
    return await call.surface.names(groups) if found.by == "person" else {}


def _draw_report(found: UsageReport, names: dict[str, str]) -> File:
    bars = [Bar(names.get(line.group, line.group), line.micro_usd, dollars(line.micro_usd)) for line in found.lines]
    alt = "; ".join(f"{bar.label} {bar.words}" for bar in bars)
    title = f"Cost by {found.by}\n{found.title}"
    return File(
        "usage.png", "image/png", draw_chart(title, bars), f"Bars: {alt}"[:1000], reports.render_bars(found, names)
    )


def _export_report(found: UsageReport, kind: str) -> CommandResult:
    content = reports.export_csv([found]) if kind == "csv" else reports.export_json([found])
    mime = "text/csv" if kind == "csv" else "application/json"
    return CommandResult(
        f"**{found.title}**, {count_noun(len(found.lines), 'line')}.", (File(f"usage.{kind}", mime, content),)
    )


def _find_scope(call: Invocation, of: str) -> Scope:
    """The scope that is asked for."""
    key, person = call.question.key, call.question.person
    scopes = {
        "me": Scope(key.workspace, person=person),
        "channel": Scope(key.workspace, key.channel),
        "workspace": Scope(key.workspace),
    }
    return scopes[of]


async def _find_zone(call: Invocation) -> str:
    held = await call.context.store.ledger.budgets(call.question.key.workspace, call.context.clock(), only=())
    return held.zone or call.context.zone


ROWS = (
    Command(
        "usage",
        "Show what Claude was asked and what it cost",
        show_usage,
        (
            Parameter("since", ParameterKind.CHOICE, "the time it is for", choices=tuple(SINCE)),
            Parameter("by", ParameterKind.CHOICE, "what its lines are", choices=("person", "channel", "model", "day")),
            Parameter("of", ParameterKind.CHOICE, "whose it is", choices=tuple(WHOSE)),
            Parameter("as", ParameterKind.CHOICE, "how it comes", choices=("table", "csv", "json")),
        ),
        whispered=("of=me", "of=workspace"),
        repeatable=True,
        stricter={
            "of=workspace": (
                Rank.OWNER,
                "Only those who manage the whole workspace can see all of its usage. Try `usage of=me`.",
            )
        },
    ),
)
