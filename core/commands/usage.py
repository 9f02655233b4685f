"""`usage`: what was asked of Claude here, and what it cost."""

import asyncio
from datetime import datetime

from core import accounts
from core.accounts import Account
from core.budgets import Period, began, dollars
from core.chart import Bar, drawn
from core.chat import Answer, File, Rank
from core.commands.table import Call, Kind, Parameter, Problem, Row
from core.ledger import Scope, Spent

SINCE = {"today": Period.DAY, "week": Period.WEEK, "month": Period.MONTH}
SPANS = {"today": "today", "week": "this week", "month": "this month"}
WHOSE = {"me": "You", "channel": "This channel", "workspace": "This workspace"}
BY = {"me": "model", "channel": "person", "workspace": "channel"}  # what tells most, where nothing is named


async def usage(call: Call) -> Answer:
    of, since = call.values.get("of", "channel"), call.values.get("since", "month")
    by = call.values.get("by", BY[of])
    scope, zone = await _scope(call, of), await _zone(call)
    now = call.desk.clock()
    ledger, began_at = call.desk.store.ledger, began(SINCE[since], now, zone)
    lines = await ledger.spent(scope, began_at, "quarter" if by == "day" else by)
    title = f"{WHOSE[of]}, {SPANS[since]} ({began_at:%Y-%m-%d} to {now.astimezone(began_at.tzinfo):%Y-%m-%d}, {zone})"
    found = accounts.account(title, by, lines, zone)
    kind = call.values.get("as", "table")
    if kind != "table":
        return _exported(found, kind)
    totals = [await _total(call, scope, span, zone, now) for span in SINCE]
    misses = await ledger.spent(scope, began_at, "miss")
    return await _shown(call, accounts.shortened(found), totals, accounts.notes(found.total, misses))


async def _shown(call: Call, found: Account, totals: list[Spent], notes: str) -> Answer:
    spans = "; ".join(
        f"{span} **{dollars(spent.micro_usd)}**" for span, spent in zip(SPANS.values(), totals, strict=True)
    )
    if not found.lines:
        return Answer(f"**{found.title}**\n\nNothing was asked.")
    names = await call.surface.names({line.group for line in found.lines}) if found.by == "person" else {}
    table = accounts.table(found, names)
    text = "\n\n".join(part for part in (f"**{found.title}**", spans.capitalize() + ".", table, notes) if part)
    return Answer(text, (await asyncio.to_thread(_picture, found, names),))


def _picture(found: Account, names: dict[str, str]) -> File:
    bars = [Bar(names.get(line.group, line.group), line.micro_usd, dollars(line.micro_usd)) for line in found.lines]
    alt = "; ".join(f"{bar.label} {bar.words}" for bar in bars)
    title = f"Cost by {found.by}. {found.title}"
    return File("usage.png", "image/png", drawn(title, bars), f"Bars: {alt}"[:1000], accounts.bars(found, names))


def _exported(found: Account, kind: str) -> Answer:
    content = accounts.as_csv(found) if kind == "csv" else accounts.as_json(found)
    mime = "text/csv" if kind == "csv" else "application/json"
    return Answer(f"**{found.title}**, {len(found.lines):,} lines.", (File(f"usage.{kind}", mime, content),))


async def _total(call: Call, scope: Scope, span: str, zone: str, now: datetime) -> Spent:
    lines = await call.desk.store.ledger.spent(scope, began(SINCE[span], now, zone), "model")
    return accounts.total(lines)


async def _scope(call: Call, of: str) -> Scope:
    """Whose usage is asked for. The workspace's is for those who manage it."""
    key, person = call.question.key, call.question.person
    if of == "workspace" and await call.surface.rank(person) < Rank.OWNER:
        raise Problem("Only those who manage the whole workspace can see all of its usage. Try `usage of=me`.")
    scopes = {
        "me": Scope(key.workspace, person=person),
        "channel": Scope(key.workspace, key.channel),
        "workspace": Scope(key.workspace),
    }
    return scopes[of]


async def _zone(call: Call) -> str:
    held = await call.desk.store.ledger.budgets(call.question.key.workspace, call.desk.clock())
    return held.zone or call.desk.zone


ROWS = (
    Row(
        "usage",
        "Show what Claude was asked and what it cost",
        usage,
        (
            Parameter("since", Kind.CHOICE, "the time it is for", choices=tuple(SINCE)),
            Parameter("by", Kind.CHOICE, "what its lines are", choices=("person", "channel", "model", "day")),
            Parameter("of", Kind.CHOICE, "whose it is", choices=tuple(WHOSE)),
            Parameter("as", Kind.CHOICE, "how it comes", choices=("table", "csv", "json")),
        ),
    ),
)
