"""Pauses over any engine."""

import time

from cachetools import TTLCache

from core.billing.cache_lifetimes import PauseHistogram
from core.store.places.pauses import read_pauses
from core.store.sql_port import Engine

WORKSPACES, FRESH = 10_000, 600.0  # histograms that are remembered, and for how many seconds


class PauseRepository:
    """Keeps the protocol `Pauses`. A histogram is read once in ten minutes: it changes slowly."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: TTLCache[str, PauseHistogram] = TTLCache(WORKSPACES, FRESH, time.monotonic)

    async def read(self, workspace: str) -> PauseHistogram:
        found = self._read.get(workspace)
        if found is None:
            found = self._read[workspace] = await self._engine.unit(lambda sql: read_pauses(sql, workspace))
        return found
