"""Personas: every version of every place's."""

from dataclasses import asdict, fields
from datetime import datetime

from sqlite_utils import Database

from core.domain.errors import VersionConflict
from core.domain.messages import clean_text
from core.domain.personas import Persona, Place, Version
from core.store.rules.moments import moment, stamp
from core.store.sqlite.connection import DatabaseThread, Row, many

ALL = -1  # rows
VERSIONS = """
SELECT * FROM personas WHERE workspace = :workspace AND channel = :channel ORDER BY number DESC LIMIT :limit
"""
TRAITS = tuple(field.name for field in fields(Persona))


class SqlitePersonas:
    """Keeps the protocol `Personas`."""

    def __init__(self, connection: DatabaseThread) -> None:
        self._connection = connection

    async def persona(self, place: Place) -> Version | None:
        return await self._connection.unit(lambda db: _newest(db, place))

    async def versions(self, place: Place) -> list[Version]:
        return await self._connection.unit(lambda db: _versions(db, place))

    async def change(self, place: Place, persona: Persona, expected: int, author: str, at: datetime) -> Version:
        version = Version(place, expected + 1, persona, author, at)
        await self._connection.unit(lambda db: _change(db, version))
        return version


def _change(db: Database, version: Version) -> None:
    newest = _newest(db, version.place)
    if (newest.number if newest else 0) != version.number - 1:
        raise VersionConflict(newest.number if newest else None)
    db.table("personas").insert(_row_of(version))


def _newest(db: Database, place: Place) -> Version | None:
    return next(iter(_versions(db, place, limit=1)), None)


def _versions(db: Database, place: Place, limit: int = ALL) -> list[Version]:
    return [_version_of(row) for row in many(db, VERSIONS, {**asdict(place), "limit": limit})]


def _version_of(row: Row) -> Version:
    persona = Persona(**{trait: row[trait] for trait in TRAITS})
    return Version(Place(row["workspace"], row["channel"]), row["number"], persona, row["author"], moment(row["at"]))


def _row_of(version: Version) -> Row:
    traits = asdict(version.persona)
    if version.persona.system is not None:
        traits["system"] = clean_text(version.persona.system)
    return {
        **asdict(version.place),
        **traits,
        "number": version.number,
        "author": version.author,
        "at": stamp(version.at),
    }
