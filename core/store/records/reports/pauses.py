"""Pauses: how questions of a workspace came, as the store counts it."""

from typing import Protocol

from core.billing.cache_lifetimes import PauseHistogram


class Pauses(Protocol):
    """How questions came; they are counted with the final texts of their answers."""

    async def read(self, workspace: str) -> PauseHistogram:
        """As it was some minutes ago, at most."""
