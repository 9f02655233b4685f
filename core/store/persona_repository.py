"""Persona repository: the protocol of personas over any engine. Each method runs one unit of work."""

from collections.abc import Collection, Sequence
from datetime import datetime

from core.domain.messages import Question
from core.domain.personas import Persona, Place, Version
from core.store.places import knowledge, personas
from core.store.records.knowledge import KnowledgeText
from core.store.sql_port import Engine


class PersonaRepository:
    """Keeps the protocol `Personas`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def persona(self, place: Place) -> Version | None:
        (version,) = await self.newest([place])
        return version

    async def newest(self, places: Sequence[Place]) -> list[Version | None]:
        return await self._engine.unit(lambda sql: personas.newest_versions(sql, places))

    async def list_places(self, workspace: str) -> Sequence[Place]:
        return await self._engine.unit(lambda sql: personas.list_places(sql, workspace))

    async def versions(self, place: Place) -> list[Version]:
        return await self._engine.unit(lambda sql: personas.list_versions(sql, place))

    async def change(
        self, place: Place, persona: Persona, expected: int, author: str, at: datetime, *, reason: str = ""
    ) -> Version:
        version = Version(place, expected + 1, persona, author, at, reason)
        return await self._engine.unit(lambda sql: personas.change_persona(sql, version))

    async def attach(self, command: Question, version: Version, texts: Sequence[KnowledgeText]) -> Version:
        return await self._engine.unit(lambda sql: personas.attach_files(sql, command, version, texts))

    async def hold(self, command: Question, texts: Sequence[KnowledgeText]) -> None:
        await self._engine.unit(lambda sql: personas.hold_files(sql, command, texts))

    async def list_waiting(self, place: Place, author: str) -> Sequence[KnowledgeText]:
        return await self._engine.unit(lambda sql: knowledge.list_waiting(sql, place, author))

    async def list_brought(self, place: Place, command: str) -> Sequence[KnowledgeText]:
        return await self._engine.unit(lambda sql: knowledge.list_brought(sql, place, command))

    async def read_knowledge(self, place: Place, ids: Collection[int]) -> Sequence[KnowledgeText]:
        return await self._engine.unit(lambda sql: knowledge.read_knowledge(sql, place, ids))
