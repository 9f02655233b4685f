"""Installations over any engine."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.store.records.installations import Installation
from core.store.rules import installations
from core.store.sql_port import Engine


class InstallationRepository:
    """Keeps the protocol `Installations`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def install(self, installation: Installation) -> Installation:
        return await self._engine.unit(lambda sql: installations.keep_installation(sql, installation))

    async def find(self, workspace: str) -> Installation | None:
        return await self._engine.unit(lambda sql: installations.find_installation(sql, workspace))

    async def list(self, platform: str) -> Sequence[Installation]:
        return await self._engine.unit(lambda sql: installations.list_installations(sql, platform))

    async def claim_renewal(self, installation: Installation, lease: timedelta) -> bool:
        return await self._engine.unit(lambda sql: installations.claim_renewal(sql, installation, lease))

    async def renew(self, installation: Installation, sealed: str, expires_at: datetime | None) -> Installation | None:
        return await self._engine.unit(lambda sql: installations.renew_token(sql, installation, sealed, expires_at))

    async def end(self, workspace: str, until: datetime, *, erase: bool = False) -> bool:
        ended = await self._engine.unit(lambda sql: installations.end_installation(sql, workspace, until, erase))
        if ended and erase:
            self._engine.sweep_soon()
        return ended
