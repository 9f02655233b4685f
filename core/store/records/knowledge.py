"""Stored personas: every version of each place's, and the words of files that they know."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.domain.messages import Question
from core.domain.personas import KnowledgeFile, Persona, Place, Version


@dataclass(frozen=True, slots=True)
class KnowledgeText:
    """A file that a persona knows, with its words as they are told. A new one has the id 0."""

    file: KnowledgeFile
    content: str


class Personas(Protocol):
    """The persona of each place, every version of it."""

    async def persona(self, place: Place) -> Version | None: ...

    async def newest(self, places: Sequence[Place]) -> list[Version | None]:
        """The newest version of each, as they stand together."""

    async def list_places(self, workspace: str) -> Sequence[Place]:
        """Where a persona of its own was ever set in a workspace."""

    async def versions(self, place: Place) -> list[Version]:
        """All there were, newest first, with the votes on what each answered."""

    async def change(
        self, place: Place, persona: Persona, expected: int, author: str, at: datetime, *, reason: str = ""
    ) -> Version:
        """A new version after number `expected` (0: none yet). Raises VersionConflict when somebody was.

        Of its files those stay that are still there.
        """

    async def attach(self, command: Question, version: Version, texts: Sequence[KnowledgeText]) -> Version:
        """Keep files of the command's message, or that waited, and a version which has them behind its own.

        It is carried out once for a command, see `list_brought`. Raises VersionConflict.
        """

    async def hold(self, command: Question, texts: Sequence[KnowledgeText]) -> None:
        """Keep files that wait for their author's word, in the place of those that waited for it here."""

    async def list_waiting(self, place: Place, author: str) -> Sequence[KnowledgeText]:
        """The files that wait for their author's word, which they do for an hour."""

    async def list_brought(self, place: Place, command: str) -> Sequence[KnowledgeText]:
        """The files that a command of that name has made count."""

    async def read_knowledge(self, place: Place, ids: Collection[int]) -> Sequence[KnowledgeText]:
        """Files by their ids, in that order; what is erased is left out."""
