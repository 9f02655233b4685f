"""Usage on the command line: what the ledger says was used, and whether Anthropic's console says the same."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from core.billing import reconciliation, reports
from core.billing.reconciliation import Comparison, Statement
from core.billing.usage import Scope
from core.commands.usage import Wanted, account, notes, totals
from core.domain.errors import SettingsError
from core.rendering.tables import draw_table
from core.settings import Settings
from core.store import inspect, open_store
from core.store.protocols import Ledger

NOTHING = "Nothing was asked yet: {} has no request."
EXPORTS = {"csv": reports.as_csv, "json": reports.as_json}


async def shown(settings: Settings, workspace: str, since: str, by: str, *, kind: str, now: datetime) -> str:
    """The report of every workspace, or of the one named, as this kind of text. Raises SettingsError, StoreUnusable."""
    async with _ledger(settings.database_url) as ledger:
        places = await _workspaces(ledger, workspace)
        wanted = [(Wanted(Scope(one), one, since, by), await _zone(ledger, one, settings, now)) for one in places]
        if kind in EXPORTS:
            found = [await account(ledger, one, zone, now) for one, zone in wanted]
            return EXPORTS[kind](found).decode().rstrip()
        told = [await _told(ledger, one, zone, now) for one, zone in wanted]
    return "\n\n\n".join(told) or NOTHING.format(settings.database_url)


async def compared(settings: Settings, statement: Statement) -> list[Comparison]:
    """Each day and model of a statement beside what all workspaces used. Raises StoreUnusable."""
    since = datetime.fromisoformat(statement.first).replace(tzinfo=UTC)
    async with _ledger(settings.database_url) as ledger:
        bill = [line for one in await ledger.workspaces() for line in await ledger.sum_usage(Scope(one), since, "bill")]
    return reconciliation.compared(statement, bill)


@asynccontextmanager
async def _ledger(url: str) -> AsyncIterator[Ledger]:
    """The ledger. Looking makes no database: where there is none yet, an empty one is looked at."""
    store = await open_store(url if (await inspect(url)).version else "sqlite://")
    try:
        yield store.ledger
    finally:
        await store.shut()


async def _workspaces(ledger: Ledger, wanted: str) -> Sequence[str]:
    found = await ledger.workspaces()
    if wanted and wanted not in found:
        raise SettingsError(
            f"--workspace: the ledger has no request of {wanted}; it has {', '.join(found) or 'none at all'}."
        )
    return [wanted] if wanted else found


async def _zone(ledger: Ledger, workspace: str, settings: Settings, now: datetime) -> str:
    return (await ledger.budgets(workspace, now)).zone or settings.confab_time_zone


async def _told(ledger: Ledger, wanted: Wanted, zone: str, now: datetime) -> str:
    """What `usage` tells, as a terminal shows it. People and channels have their ids: only platforms know names."""
    found = await account(ledger, wanted, zone, now)
    if not found.lines:
        return f"{found.title}\n\nNothing was asked."
    short = reports.shortened(found)
    spans = (await totals(ledger, wanted.scope, zone, now)).replace("**", "")
    table = draw_table(reports.rows(short, {})).strip("`\n")
    parts = (found.title, spans, table, reports.bars(short, {}), await notes(ledger, wanted, found, zone, now))
    return "\n\n".join(part for part in parts if part)
