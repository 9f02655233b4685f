"""Audit log on the command line, verified and exported, and its heads in Confab's own log."""

import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

from bots.ops.database_move import say_moved
from bots.ops.secret_keys import derive_audit_keys, find_key_file, read_secret_keys
from core.domain.clock import Sleep
from core.domain.errors import SettingsError, StoreUnavailable
from core.domain.wording import count_noun, list_some
from core.settings import Settings
from core.store import hide_login, open_existing
from core.store.audit_log import LEAST, AuditFault, AuditHead, AuditRow, compare_heads, write_json
from core.store.protocols import Audit

HOUR = 3600.0  # seconds between two looks for new heads
EMPTY = "The audit log of {} has no row."
KEYLESS = (
    "CONFAB_SECRET_KEY: not set, and there is no file {}. "
    "The audit log can be verified only with the key that sealed it: put that back."
)
ALTERED = """A row that is not as it was written was altered, or stands in the place of another; or the key that
sealed it is not here. CONFAB_SECRET_KEY takes several; docs/audit.md says where the key is else."""

log = logging.getLogger(__name__)


def parse_heads(texts: Sequence[str]) -> list[AuditHead]:
    """Heads that were told before. Raises SettingsError."""
    try:
        return [AuditHead.parse(text) for text in texts]
    except ValueError:
        raise SettingsError(
            "--head: it is WORKSPACE:NUMBER:MAC, as the log and `confab audit verify` say it."
        ) from None


async def verify_log(settings: Settings, known: Sequence[AuditHead]) -> tuple[str, bool]:
    """What is found of every workspace's chain, a line each, and whether each is whole.

    Each must still have the heads that are `known` of it. Raises SettingsError, StoreUnusable.
    """
    async with _open_audit(settings) as audit:
        newest = await audit.heads()
        if newest and not read_secret_keys(settings):
            raise SettingsError(KEYLESS.format(find_key_file(settings)))
        places = sorted({head.workspace for head in (*newest, *known)})
        found = [await verify_chain(audit, one, known) for one in places]
    lines = [_describe(one) for one in found] or [EMPTY.format(hide_login(settings.database_url))]
    whole = not any(isinstance(one, AuditFault) for one in found)
    return "\n".join(lines if whole else [*lines, "", ALTERED]), whole


async def verify_chain(audit: Audit, workspace: str, known: Sequence[AuditHead] = ()) -> AuditHead | AuditFault:
    """Verify a workspace's chain page by page, and that it has the known heads: its head, or the first fault."""
    head = AuditHead(workspace)
    while (found := await audit.verify(head)) != head:
        if isinstance(found, AuditFault):
            return found
        head = found
    for one in sorted((one for one in known if one.workspace == workspace), key=lambda one: one.number):
        rows = await audit.page(workspace, one.number - 1)
        if fault := compare_heads(one, head, rows[0].mac if rows else ""):
            return fault
    return head


async def export_log(settings: Settings, workspace: str) -> AsyncIterator[str]:
    """Every row of every workspace, or of the one named, oldest first, as lines of JSON. Raises StoreUnusable."""
    async with _open_audit(settings) as audit:
        for one in await audit.heads():
            rows = await audit.page(one.workspace, LEAST) if workspace in {"", one.workspace} else []
            while rows:
                for row in rows:
                    yield _write_row(row)
                rows = await audit.page(one.workspace, rows[-1].number)


async def explain_no_rows(settings: Settings, workspace: str) -> str:
    """Why nothing was exported, with the workspaces that have rows. Raises StoreUnusable."""
    async with _open_audit(settings) as audit:
        places = [head.workspace for head in await audit.heads()]
    if not places:
        return EMPTY.format(hide_login(settings.database_url))
    return f"The audit log has no row of {workspace}. Workspaces that have some: {list_some(sorted(places))}."


class HeadLog:
    """Tells the log the newest row of each chain, so that it is known elsewhere what must be there."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._told: dict[str, AuditHead] = {}

    async def run(self, sleep: Sleep) -> None:
        """Tell them now and every hour, those that are new."""
        while True:
            await self.tell()
            await sleep(HOUR)

    async def tell(self) -> None:
        """Tell those that were not told yet; one that our keys did not seal is an error."""
        try:
            for head in await self._audit.heads():
                if self._told.get(head.workspace) != head:
                    log.info("audit log, newest row: %s", head)
                    await self._check(head)
                    self._told[head.workspace] = head
        except StoreUnavailable as error:
            log.warning("the newest rows of the audit log are not told now: %s", error)
        except Exception:  # whatever a database holds: the next hour's look is made all the same
            log.exception("the newest rows of the audit log could not be read; see `confab audit verify`")

    async def _check(self, head: AuditHead) -> None:
        rows = await self._audit.page(head.workspace, head.number - 2) if head.number > 1 else []
        before = AuditHead(head.workspace, head.number - 1, rows[0].mac if rows else "")
        if isinstance(await self._audit.verify(before), AuditFault):
            log.error(
                "audit log: row %d of %s was altered, or sealed with a key that is not here; see `confab audit verify`",
                head.number,
                head.workspace,
            )


@asynccontextmanager
async def _open_audit(settings: Settings) -> AsyncIterator[Audit]:
    keys = derive_audit_keys(read_secret_keys(settings))
    async with open_existing(settings.database_url, say_moved, keys) as store:
        yield store.audit


def _describe(found: AuditHead | AuditFault) -> str:
    if isinstance(found, AuditFault):
        return f"{found.workspace}: {found.says}"
    return f"{found.workspace}: {count_noun(found.number, 'row')}, as they were written; the head is {found}"


def _write_row(row: AuditRow) -> str:
    """A row as an object; its details as one too where they are what we wrote, else as the text that stands there."""
    columns, details = asdict(row), row.read_details()
    whole = write_json(details) == row.details
    return json.dumps({**columns, "details": details if whole else row.details})
