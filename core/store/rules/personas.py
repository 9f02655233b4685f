"""Personas: every version of every place's, changed under optimistic locking."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from core.domain.errors import VersionConflict
from core.domain.messages import clean_text
from core.domain.personas import Persona, Place, Version
from core.store.rules.advisory_locks import lock_personas
from core.store.sql_port import Row, Sql, parse_stamp, stamp

VERSIONS = "SELECT * FROM personas WHERE workspace = :workspace AND channel = :channel ORDER BY number DESC"
NEWEST = f"{VERSIONS} LIMIT 1"
CHOSEN = """
SELECT DISTINCT model FROM personas AS one WHERE model IS NOT NULL AND number = (
    SELECT max(number) FROM personas WHERE workspace = one.workspace AND channel = one.channel
) ORDER BY model
"""
TRAITS = tuple(field.name for field in fields(Persona))


def change_persona(sql: Sql, version: Version) -> None:
    """Add a version, if its number follows the newest one's. Raises VersionConflict."""
    lock_personas(sql, version.place.workspace)
    (newest,) = newest_versions(sql, [version.place])
    if (newest.number if newest else 0) != version.number - 1:
        raise VersionConflict(newest.number if newest else None)
    sql.insert_new("personas", _row_of(version))


def newest_versions(sql: Sql, places: Sequence[Place]) -> list[Version | None]:
    found = sql.many_each(*((NEWEST, asdict(place)) for place in places))
    return [_read_version(rows[0]) if rows else None for rows in found]


def list_models(sql: Sql) -> list[str]:
    """The models that personas choose now, in all places."""
    return [row["model"] for row in sql.many(CHOSEN, {})]


def list_versions(sql: Sql, place: Place) -> list[Version]:
    """All there were, newest first."""
    return [_read_version(row) for row in sql.many(VERSIONS, asdict(place))]


def _read_version(row: Row) -> Version:
    place, persona = Place(row["workspace"], row["channel"]), Persona(**{trait: row[trait] for trait in TRAITS})
    return Version(place, row["number"], persona, row["author"], parse_stamp(row["at"]))


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
