"""Installations: the workspaces that a platform's app was installed in by others, with their tokens, sealed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Installation:
    """One workspace's installation. The store does not know what its tokens are, nor what seals them."""

    workspace: str
    identity: str
    """Who the app is there, as its platform writes it."""
    sealed: str = field(repr=False)
    """The tokens, unreadable without a key that the database does not hold."""
    by: str
    """Who installed it."""
    at: datetime
    expires_at: datetime | None = None
    """When the token runs out; None for one that does not."""
    version: int = 1
    """It grows whenever the tokens change."""


class Installations(Protocol):
    """Where the app is installed."""

    async def install(self, installation: Installation) -> Installation:
        """Keep an installation in place of the workspace's former one. What was stored, with its version."""

    async def find(self, workspace: str) -> Installation | None:
        """The installation in a workspace, if there is one."""

    async def list(self, platform: str) -> Sequence[Installation]:
        """All of a platform, by the names of their workspaces."""

    async def claim_renewal(self, installation: Installation, lease: timedelta) -> bool:
        """Whether this process may renew the tokens: they are these still, and no other process does just now."""

    async def renew(self, installation: Installation, sealed: str, expires_at: datetime | None) -> Installation | None:
        """Put other tokens in the place of these; None if they were others by then. It ends the claim."""

    async def end(self, workspace: str, until: datetime, *, erase: bool = False) -> bool:
        """Erase the tokens of an installation made until then, and withdraw what is asked in its workspace until then.

        With `erase`, every word of the workspace goes too. Whether there was one.
        """
