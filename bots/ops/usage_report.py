"""Usage report on the command line, and the reconciliation of the ledger with Anthropic's console."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bots.ops.database_move import say_moved
from core.billing import reconciliation, reports
from core.billing.ledger_rows import Scope
from core.billing.reconciliation import Comparison, Statement
from core.commands.usage import UsageQuery, load_caveats, load_report, summarise_spans
from core.domain.errors import SettingsError
from core.rendering.tables import draw_table
from core.settings import Settings
from core.store import hide_login, open_existing
from core.store.protocols import Ledger

NOTHING = "Nothing was asked yet: {} has no request."
EXPORTS = {"csv": reports.export_csv, "json": reports.export_json}


async def render_usage(settings: Settings, workspace: str, since: str, by: str, *, kind: str, now: datetime) -> str:
    """The report of every workspace, or of the one named, as this kind of text. Raises SettingsError, StoreUnusable."""
    async with open_existing(settings.database_url, say_moved) as store:
        ledger = store.ledger
        places = await _select_workspaces(ledger, workspace)
        wanted = [
            (UsageQuery(Scope(one), one, since, by), await _choose_zone(ledger, one, settings, now)) for one in places
        ]
        if kind in EXPORTS:
            found = [await load_report(ledger, one, zone, now) for one, zone in wanted]
            return EXPORTS[kind](found).decode().rstrip()
        told = [await _render_workspace(ledger, one, zone, now) for one, zone in wanted]
    return "\n\n\n".join(told) or NOTHING.format(hide_login(settings.database_url))


async def compare_statement(settings: Settings, statement: Statement) -> list[Comparison]:
    """Each day and model of a statement beside what all workspaces used. Raises StoreUnusable."""
    since = datetime.fromisoformat(statement.first).replace(tzinfo=UTC)
    async with open_existing(settings.database_url, say_moved) as store:
        ledger = store.ledger
        bill = [line for one in await ledger.workspaces() for line in await ledger.sum_usage(Scope(one), since, "bill")]
    return reconciliation.compare_statement(statement, bill)


async def _select_workspaces(ledger: Ledger, wanted: str) -> Sequence[str]:
    found = await ledger.workspaces()
    if wanted and wanted not in found:
        raise SettingsError(
            f"--workspace: the ledger has no request of {wanted}; it has {', '.join(found) or 'none at all'}."
        )
    return [wanted] if wanted else found


async def _choose_zone(ledger: Ledger, workspace: str, settings: Settings, now: datetime) -> str:
    return (await ledger.budgets(workspace, now, only=())).zone or settings.confab_time_zone


async def _render_workspace(ledger: Ledger, wanted: UsageQuery, zone: str, now: datetime) -> str:
    """What `usage` tells, as a terminal shows it. People and channels have their ids: only platforms know names."""
    found = await load_report(ledger, wanted, zone, now)
    if not found.lines:
        return f"{found.title}\n\nNothing was asked."
    short = reports.shorten_report(found)
    spans = (await summarise_spans(ledger, wanted.scope, zone, now)).replace("**", "")
    table = draw_table(reports.render_rows(short, {})).strip("`\n")
    parts = (
        found.title,
        spans,
        table,
        reports.render_bars(short, {}),
        await load_caveats(ledger, wanted, found, zone, now),
    )
    return "\n\n".join(part for part in parts if part)
