"""Personas: every version of every place's, changed under optimistic locking."""

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from pydantic import TypeAdapter

from core.domain.controls import Votes
from core.domain.errors import VersionConflict
from core.domain.messages import Question, clean_text
from core.domain.personas import Example, Persona, Place, Version
from core.store.audit_log import AuditAction, AuditEntry, fingerprint
from core.store.places.advisory_locks import lock_personas
from core.store.places.audit import record_audit
from core.store.places.knowledge import FILES, keep_files, keep_known, prune_files
from core.store.records.knowledge import KnowledgeText
from core.store.sql_port import Row, Sql, Values, parse_stamp, stamp

EXAMPLES = TypeAdapter(tuple[Example, ...])
JSON: dict[str, TypeAdapter[Any]] = {"knowledge": FILES, "examples": EXAMPLES}
"""Traits that are kept as JSON."""

VERSIONS = "SELECT * FROM personas WHERE workspace = :workspace AND channel = :channel ORDER BY number DESC"
NEWEST = f"{VERSIONS} LIMIT 1"
VOTES = """
SELECT persona, count(*) FILTER (WHERE positive) AS up, count(*) FILTER (WHERE NOT positive) AS down FROM votes
WHERE workspace = :workspace AND (channel = :channel OR :channel = '') AND persona > 0 AND persona_wide = :wide
GROUP BY persona
"""
CHOSEN = """
SELECT DISTINCT model FROM personas AS one WHERE model IS NOT NULL AND number = (
    SELECT max(number) FROM personas WHERE workspace = one.workspace AND channel = one.channel
) ORDER BY model
"""
PLACES = "SELECT DISTINCT channel FROM personas WHERE workspace = :workspace ORDER BY channel"
TRAITS = tuple(field.name for field in fields(Persona))
CHOICES = {
    "model",
    "effort",
    "max_tokens",
    "thinking",
    "temperature",
    "answers",
    "follow_ups",
    "files",
    "long",
    "tools",
    "context_tokens",
}
"""Traits that are ids, numbers and fixed words. Of the others the audit log has a fingerprint alone."""


def change_persona(sql: Sql, version: Version) -> Version:
    """Add a version, if its number follows the newest one's, and return it. Raises VersionConflict."""
    lock_personas(sql, version.place.workspace)
    (newest,) = newest_versions(sql, [version.place])
    if (newest.number if newest else 0) != version.number - 1:
        raise VersionConflict(newest.number if newest else None)
    persona = replace(version.persona, knowledge=keep_known(sql, version.place, version.persona))
    version = replace(version, persona=persona)
    sql.insert_new("personas", _row_of(version))
    prune_files(sql, version.place, version.number)
    record_audit(sql, _describe_change(newest.persona if newest else Persona(), version))
    return version


def attach_files(sql: Sql, command: Question, version: Version, texts: Sequence[KnowledgeText]) -> Version:
    """Add a version that has these files behind its own; see `Personas.attach`. Raises VersionConflict."""
    lock_personas(sql, version.place.workspace)
    files = keep_files(sql, command, texts)
    persona = replace(version.persona, knowledge=(*(version.persona.knowledge or ()), *files))
    return change_persona(sql, replace(version, persona=persona))


def hold_files(sql: Sql, command: Question, texts: Sequence[KnowledgeText]) -> None:
    """Keep files that wait for their author's word."""
    lock_personas(sql, command.key.workspace)
    keep_files(sql, command, texts, waiting=True)


def newest_versions(sql: Sql, places: Sequence[Place]) -> list[Version | None]:
    return list(map(read_newest, sql.many_each(*map(build_newest_query, places))))


def build_newest_query(place: Place) -> tuple[str, Values]:
    """The newest version of a place."""
    return NEWEST, {"workspace": place.workspace, "channel": place.channel}


def read_newest(rows: Sequence[Row]) -> Version | None:
    """The version that was found, if any was."""
    return _read_version(rows[0]) if rows else None


def list_models(sql: Sql) -> list[str]:
    """The models that personas choose now, in all places."""
    return [row["model"] for row in sql.many(CHOSEN, {})]


def list_places(sql: Sql, workspace: str) -> list[Place]:
    """Where a persona of its own was ever set in a workspace."""
    return [Place(workspace, row["channel"]) for row in sql.many(PLACES, {"workspace": workspace})]


def list_versions(sql: Sql, place: Place) -> list[Version]:
    """All there were, newest first, with what people thought of the answers that each gave."""
    given = sql.many(VOTES, {**asdict(place), "wide": not place.channel})
    votes = {row["persona"]: Votes(row["up"], row["down"]) for row in given}
    versions = [_read_version(row) for row in sql.many(VERSIONS, asdict(place))]
    return [replace(one, votes=votes.get(one.number, Votes())) for one in versions]


def _describe_change(before: Persona, version: Version) -> AuditEntry:
    """What the audit log tells of a new version: which traits it changed."""
    after, place = version.persona, version.place
    changed = {trait: getattr(after, trait) for trait in TRAITS if getattr(after, trait) != getattr(before, trait)}
    kept = AuditAction.PERSONA_SET if "system" in changed else AuditAction.PERSONA_TUNE
    return AuditEntry(
        place.workspace,
        version.at,
        version.author,
        AuditAction.PERSONA_CLEAR if after == Persona() else kept,
        channel=place.channel or None,
        subject=str(version.number),
        details={trait: _describe_trait(trait, value) for trait, value in changed.items()},
    )


def _describe_trait(trait: str, value: Any) -> Any:
    return value if value is None or trait in CHOICES else fingerprint(str(_write_trait(trait, value)))


def _read_version(row: Row) -> Version:
    place, persona = Place(row["workspace"], row["channel"]), Persona(**{one: _read_trait(one, row) for one in TRAITS})
    return Version(place, row["number"], persona, row["author"], parse_stamp(row["at"]), row["reason"])


def _read_trait(trait: str, row: Row) -> Any:
    value = row[trait]
    return JSON[trait].validate_json(value) if trait in JSON and value is not None else value


def _write_trait(trait: str, value: Any) -> Any:
    """A trait as its column has it."""
    if trait in JSON:
        return clean_text(JSON[trait].dump_json(value).decode()) if value else None
    return clean_text(value) if trait == "system" and value is not None else value


def _row_of(version: Version) -> Row:
    return {
        **asdict(version.place),
        **{trait: _write_trait(trait, getattr(version.persona, trait)) for trait in TRAITS},
        "number": version.number,
        "author": version.author,
        "at": stamp(version.at),
        "reason": clean_text(version.reason),
    }
