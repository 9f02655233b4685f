"""`usage`: what was asked of Claude here, and what it cost."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from core.billing import reports
from core.billing.budgets import Period, began, dollars
from core.billing.chart import Bar, drawn
from core.billing.reports import UsageReport
from core.billing.usage import Scope
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError
from core.domain.messages import CommandResult, File, Rank
from core.store.protocols import Ledger

SINCE = {"today": Period.DAY, "week": Period.WEEK, "month": Period.MONTH}
SPANS = {"today": "today", "week": "this week", "month": "this month"}
WHOSE = {"me": "You", "channel": "This channel", "workspace": "This workspace"}
BY = {"me": "model", "channel": "person", "workspace": "channel"}  # what tells most, where nothing is named


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which account is wanted: of a scope that is called `whose`, `since` the beginning of a span, `by` what."""

    scope: Scope
    whose: str
    since: str
    by: str


async def account(ledger: Ledger, wanted: Wanted, zone: str, now: datetime) -> UsageReport:
    """What the ledger has of it, in days of `zone`."""
    began_at = began(SINCE[wanted.since], now, zone)
    lines = await ledger.sum_usage(wanted.scope, began_at, "quarter" if wanted.by == "day" else wanted.by)
    days = f"{began_at:%Y-%m-%d} to {now.astimezone(began_at.tzinfo):%Y-%m-%d}, {zone}"
    title = f"{wanted.whose}, {SPANS[wanted.since]} ({days})"
    return reports.account(title, wanted.by, lines, zone, wanted.scope.workspace)


async def totals(ledger: Ledger, scope: Scope, zone: str, now: datetime) -> str:
    """What each span cost: `Today **$0.21**; this week **$1.40**; this month **$1.40**.`"""
    spent = [reports.total(await ledger.sum_usage(scope, began(SINCE[span], now, zone), "model")) for span in SINCE]
    said = (f"{span} **{dollars(one.micro_usd)}**" for span, one in zip(SPANS.values(), spent, strict=True))
    return "; ".join(said).capitalize() + "."


async def notes(ledger: Ledger, wanted: Wanted, found: UsageReport, zone: str, now: datetime) -> str:
    """What its numbers do not say."""
    misses = await ledger.sum_usage(wanted.scope, began(SINCE[wanted.since], now, zone), "miss")
    return reports.notes(found.total, misses)


async def usage(call: Invocation) -> CommandResult:
    of, since = call.values.get("of", "channel"), call.values.get("since", "month")
    wanted = Wanted(await _scope(call, of), WHOSE[of], since, call.values.get("by", BY[of]))
    ledger, zone, now = call.desk.store.ledger, await _zone(call), call.desk.clock()
    found = await account(ledger, wanted, zone, now)
    kind = call.values.get("as", "table")
    if kind != "table":
        return _exported(found, kind)
    if not found.lines:
        return CommandResult(f"**{found.title}**\n\nNothing was asked.")
    spans = await totals(ledger, wanted.scope, zone, now)
    return await _shown(call, reports.shortened(found), spans, await notes(ledger, wanted, found, zone, now))


async def _shown(call: Invocation, found: UsageReport, spans: str, notes: str) -> CommandResult:
    names = await call.surface.names({line.group for line in found.lines}) if found.by == "person" else {}
    parts = (f"**{found.title}**", spans, reports.table(found, names), notes)
    text = "\n\n".join(part for part in parts if part)
    return CommandResult(text, (await asyncio.to_thread(_picture, found, names),))


def _picture(found: UsageReport, names: dict[str, str]) -> File:
    bars = [Bar(names.get(line.group, line.group), line.micro_usd, dollars(line.micro_usd)) for line in found.lines]
    alt = "; ".join(f"{bar.label} {bar.words}" for bar in bars)
    title = f"Cost by {found.by}\n{found.title}"
    return File("usage.png", "image/png", drawn(title, bars), f"Bars: {alt}"[:1000], reports.bars(found, names))


def _exported(found: UsageReport, kind: str) -> CommandResult:
    content = reports.as_csv([found]) if kind == "csv" else reports.as_json([found])
    mime = "text/csv" if kind == "csv" else "application/json"
    return CommandResult(f"**{found.title}**, {len(found.lines):,} lines.", (File(f"usage.{kind}", mime, content),))


async def _scope(call: Invocation, of: str) -> Scope:
    """Whose usage is asked for. The workspace's is for those who manage it."""
    key, person = call.question.key, call.question.person
    if of == "workspace" and await call.surface.rank(person) < Rank.OWNER:
        raise UsageError("Only those who manage the whole workspace can see all of its usage. Try `usage of=me`.")
    scopes = {
        "me": Scope(key.workspace, person=person),
        "channel": Scope(key.workspace, key.channel),
        "workspace": Scope(key.workspace),
    }
    return scopes[of]


async def _zone(call: Invocation) -> str:
    held = await call.desk.store.ledger.budgets(call.question.key.workspace, call.desk.clock())
    return held.zone or call.desk.zone


ROWS = (
    Command(
        "usage",
        "Show what Claude was asked and what it cost",
        usage,
        (
            Parameter("since", ParameterKind.CHOICE, "the time it is for", choices=tuple(SINCE)),
            Parameter("by", ParameterKind.CHOICE, "what its lines are", choices=("person", "channel", "model", "day")),
            Parameter("of", ParameterKind.CHOICE, "whose it is", choices=tuple(WHOSE)),
            Parameter("as", ParameterKind.CHOICE, "how it comes", choices=("table", "csv", "json")),
        ),
        whispered=("of=me", "of=workspace"),
    ),
)
