"""Set-up of installations: what the operator gives, put together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bots.slack.installations.clients import Clients
from core.store.records.installations import Installations

if TYPE_CHECKING:
    from bots.slack.installations.install_pages import InstallPages
    from bots.slack.installations.installed import InstalledWorkspaces

TOKENS, STATES = "slack tokens", "slack states"  # what the keys are derived for


@dataclass(frozen=True, slots=True)
class OpenedInstallations:
    """The workspaces, and the pages on which more of them come."""

    workspaces: "InstalledWorkspaces"
    pages: "InstallPages"


@dataclass(frozen=True, slots=True)
class Installing:
    """What it takes to let workspaces install the app by themselves."""

    client_id: str
    client_secret: str = field(repr=False)
    public_url: str
    store: Installations
    keys: Sequence[str] = field(repr=False)
    """Secret keys, the one that seals first."""
    erase: bool = False
    """Whether the words of a workspace go when it removes us."""

    def open(self, clients: Clients, *, managers: frozenset[str], grows: bool) -> OpenedInstallations:
        """Make them. What seals their tokens is loaded here, for a bot of one workspace has none to seal."""
        from bots.ops.sealing import Seal
        from bots.slack.installations.credentials import Vault
        from bots.slack.installations.install_pages import InstallPages
        from bots.slack.installations.installed import InstalledWorkspaces
        from bots.slack.installations.oauth import OAuth

        oauth = OAuth(clients, self.client_id, self.client_secret)
        vault = Vault(self.store, Seal(self.keys, TOKENS), oauth, clients.clock, clients.sleep)
        workspaces = InstalledWorkspaces(clients, vault, managers=managers, grows=grows, erase=self.erase)
        pages = InstallPages(workspaces, oauth, Seal(self.keys, STATES), self.public_url, clients.clock)
        return OpenedInstallations(workspaces, pages)
