"""Installed workspaces: each that installed the app by itself, made when it is first needed, and ended when it goes."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bots.ops.sealing import SealBroken
from bots.slack import parse
from bots.slack.installations.clients import Clients
from bots.slack.installations.credentials import LEASE, NOT_READABLE, Credentials, InstalledClient, Vault
from bots.slack.installations.oauth import Installed, read_identity, write_identity
from bots.slack.installations.workspace import SlackWorkspace, choose_managers
from core.domain.errors import CannotConnect, ConfabError, TokenRefused
from core.store.records.installations import Installation

NAMED = 10  # workspaces whose names an error says
BELIEVED = 5.0  # seconds that we go on without asking the store: another process may have ended it
ROUND = 300.0  # seconds between two looks for tokens that run out

log = logging.getLogger(__name__)


class OtherInstallation(ConfabError):
    """Another workspace of the same organisation has the app, and their channels and people are one."""


@dataclass(slots=True)
class _Entry:
    credentials: Credentials
    workspace: SlackWorkspace
    checked: float = field(default=0.0)


class InstalledWorkspaces:
    """The workspaces that the store has an installation of. Their messages never mix: each has all of its own."""

    def __init__(
        self,
        clients: Clients,
        vault: Vault,
        *,
        managers: frozenset[str] = frozenset(),
        grows: bool = True,
        erase: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clients = clients
        self._vault = vault
        self._managers, self._grows = managers, grows
        self._erase = erase
        self._monotonic = monotonic
        self._entries: dict[str, _Entry] = {}
        self._finding = asyncio.Lock()

    async def find(self, workspace: str) -> SlackWorkspace:
        """The workspace. Raises TokenRefused where we are not installed, CannotConnect, StoreUnavailable."""
        entry = self._entries.get(workspace)
        if entry and self._monotonic() - entry.checked < BELIEVED:
            return entry.workspace
        async with self._finding:
            return (await self._find_entry(workspace)).workspace

    async def find_for(self, body: parse.Raw) -> SlackWorkspace | None:
        """The workspace that a payload is of; None where we are not installed.

        Raises CannotConnect, StoreUnavailable.
        """
        try:
            found = await self.find(parse.parse_workspace(body))
        except TokenRefused:
            return None
        team = parse.parse_team(body)
        if not found.us.team and team and parse.parse_end(body) and not parse.is_of_organisation(body):
            return None  # one workspace of it is ended, not all
        return found if not found.us.team or team in {"", found.us.team} else None

    async def connect(self) -> frozenset[str]:
        """Open what is sealed, and seal with the first key what others sealed. A gap then concerns all workspaces.

        Raises CannotConnect where no tokens can be read.
        """
        rows = await self._vault.store.list("slack")
        unreadable = [row.workspace for row in rows if not await self._reseal(row)]
        trouble = NOT_READABLE.format(names=", ".join(unreadable[:NAMED]))
        if unreadable and len(unreadable) == len(rows):
            raise CannotConnect(trouble)
        if unreadable:
            log.error("%s", trouble)
        log.info("Slack: installed in %d workspaces", len(rows))
        return frozenset()

    async def install(self, installed: Installed) -> None:
        """Keep a new installation, in place of a former one. Raises OtherInstallation, StoreUnavailable.

        TokenRefused where it was removed before it was kept: what told of its end then found nothing to end.
        """
        name = installed.us.workspace
        former = await self._vault.store.find(name)
        if former and not _replaces(installed, former):
            await self._vault.oauth.revoke(installed.tokens.bot)
            raise OtherInstallation
        sealed = self._vault.close(name, installed.tokens)
        identity, at = write_identity(installed.us), installed.at
        row = Installation(name, identity, sealed, installed.by, at, installed.tokens.expires_at)
        await self._vault.store.install(row)
        if await self._vault.oauth.is_refused(installed.tokens.bot):
            await self.end(name, at)
            raise TokenRefused(f"Confab was removed from {name} while it was installed")
        log.info("installed in %s", name)
        async with self._finding:
            await self._find_entry(name)

    async def end(self, workspace: str, until: datetime) -> None:
        """Erase the tokens of a workspace that removed us, and its words if that is wanted. Raises StoreUnavailable."""
        if await self._vault.store.end(workspace, until, erase=self._erase):
            log.info("removed from %s; its words are %s", workspace, "erased" if self._erase else "kept")
            if entry := self._entries.pop(workspace, None):
                await entry.workspace.stop()

    async def run_renewals(self) -> None:
        """Renew tokens before they run out, until cancelled; also of workspaces where nobody says anything."""
        while True:
            try:
                await self.renew_due()
            except ConfabError as error:
                log.warning("tokens are looked through again later: %s", error)
            await self._clients.sleep(ROUND)

    async def renew_due(self) -> None:
        """Renew the tokens that run out soon. Raises StoreUnavailable."""
        for row in await self._vault.store.list("slack"):
            if row.expires_at is None:
                continue
            try:
                async with self._finding:
                    entry = await self._find_entry(row.workspace)
            except TokenRefused:
                continue
            except CannotConnect as error:
                log.error("%s", error)
                continue
            await entry.credentials.renew()

    async def stop(self) -> None:
        for entry in self._entries.values():
            await entry.workspace.stop()
            await entry.credentials.stop()

    async def _find_entry(self, workspace: str) -> _Entry:
        """The entry as the store has it now. Raises TokenRefused, CannotConnect, StoreUnavailable."""
        row = await self._vault.store.find(workspace)
        if row is None:
            if gone := self._entries.pop(workspace, None):
                await gone.workspace.stop()
            raise TokenRefused(f"Confab is not installed in {workspace}")
        entry = self._entries.get(workspace)
        if entry is None or entry.credentials.installation.identity != row.identity:
            entry = self._entries[workspace] = self._make_entry(row)
        elif entry.credentials.installation.version < row.version:
            entry.credentials.adopt(row)
        entry.checked = self._monotonic()
        return entry

    def _make_entry(self, row: Installation) -> _Entry:
        credentials = Credentials(self._vault, row)
        us = read_identity(row.identity)
        made = SlackWorkspace(
            self._clients,
            lambda: InstalledClient(self._clients, credentials),
            us,
            managers=choose_managers(self._managers, us),
            grows=self._grows,
        )
        return _Entry(credentials, made)

    async def _reseal(self, row: Installation) -> bool:
        """Seal tokens with the first key; whether they could be read."""
        try:
            tokens = self._vault.open(row)
        except SealBroken:
            return False
        newest = self._vault.seal.is_newest(row.sealed)
        if not newest and await self._vault.store.claim_renewal(row, LEASE):  # or what another process renews is lost
            await self._vault.store.renew(row, self._vault.close(row.workspace, tokens), row.expires_at)
        return True


def _replaces(installed: Installed, former: Installation) -> bool:
    """Whether it is of the same workspace, or of the whole organisation that the former one is part of."""
    return installed.us.team in {"", read_identity(former.identity).team}
