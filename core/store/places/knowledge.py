"""Knowledge: the words of files that a channel's persona knows, each kept once for all versions that have it.

A file stays as long as one of the newest versions has it, so that going back to that one brings it back.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from core.domain.messages import Question, clean_text
from core.domain.personas import KnowledgeFile, Persona, Place
from core.store.places.advisory_locks import lock_personas
from core.store.records.knowledge import KnowledgeText
from core.store.sql_port import Row, Sql, stamp

WAITING_FOR = timedelta(hours=1)  # that files wait for their author's word on what they cost
VERSIONS = 20  # newest ones of a persona whose files are kept

FILES = TypeAdapter(tuple[KnowledgeFile, ...])

IN_PLACE = "workspace = :workspace AND channel = :channel"

BY_ID = f"SELECT * FROM knowledge WHERE {IN_PLACE} AND command IS NOT NULL AND {{named}}"  # noqa: S608  ours

IDS = f"SELECT id FROM knowledge WHERE {IN_PLACE} AND command IS NOT NULL"  # noqa: S608  ours

BY_COMMAND = f"SELECT * FROM knowledge WHERE {IN_PLACE} AND command = :command ORDER BY id"  # noqa: S608  ours

WAITING = f"""
SELECT * FROM knowledge WHERE {IN_PLACE} AND command IS NULL AND author = :author AND at > :since ORDER BY id
"""  # noqa: S608  ours

DROP_WAITING = f"DELETE FROM knowledge WHERE {IN_PLACE} AND command IS NULL AND author = :author"  # noqa: S608  ours

DROP_OLD = "DELETE FROM knowledge WHERE command IS NULL AND at <= :until"

COUNT = "UPDATE knowledge SET command = :command WHERE id = :id"

HAVING = f"""
SELECT number, knowledge FROM personas WHERE {IN_PLACE} AND knowledge IS NOT NULL ORDER BY number DESC
"""  # noqa: S608  ours

REWRITE = f"UPDATE personas SET knowledge = :knowledge WHERE {IN_PLACE} AND number = :number"  # noqa: S608  ours

DELETE = "DELETE FROM knowledge WHERE id = :id"


def read_knowledge(sql: Sql, place: Place, ids: Collection[int]) -> list[KnowledgeText]:
    """The words of files that count in a place, in the order of these ids; what is erased is left out."""
    rows = sql.many(BY_ID.format(named=sql.among("id", "ids")), {**asdict(place), "ids": sorted(ids)})
    found = {row["id"]: _read_text(row) for row in rows}
    return [found[one] for one in ids if one in found]


def list_brought(sql: Sql, place: Place, command: str) -> list[KnowledgeText]:
    """The files that a command made count."""
    return [_read_text(row) for row in sql.many(BY_COMMAND, {**asdict(place), "command": command})]


def list_waiting(sql: Sql, place: Place, author: str) -> list[KnowledgeText]:
    """The files that wait for their author's word."""
    values = {**asdict(place), "author": author, "since": stamp(sql.now() - WAITING_FOR)}
    return [_read_text(row) for row in sql.many(WAITING, values)]


def keep_files(
    sql: Sql, command: Question, texts: Sequence[KnowledgeText], *, waiting: bool = False
) -> tuple[KnowledgeFile, ...]:
    """Keep files of a command, which count from now on, or wait for their author's word.

    What waited for it before is dropped. Those that waited and count now have a row already.
    """
    key, author = command.key, command.person
    place = {"workspace": key.workspace, "channel": key.channel}
    for one in texts:
        if one.file.id:
            sql.execute(COUNT, {"id": one.file.id, "command": command.name})
    if sql.count_changes(DROP_WAITING, {**place, "author": author}):
        _note_erasure(sql, key.workspace, key.channel)
    counts = None if waiting else command.name
    row = {**place, "thread": key.thread, "source": command.name, "command": counts, "author": author}
    return tuple(_insert_file(sql, row, one) for one in texts)


def keep_known(sql: Sql, place: Place, persona: Persona) -> tuple[KnowledgeFile, ...] | None:
    """The persona's files that are still there, and are this channel's."""
    if not persona.knowledge:
        return None
    there = {row["id"] for row in sql.many(IDS, asdict(place))}
    return tuple(one for one in persona.knowledge if one.id in there) or None


def prune_files(sql: Sql, place: Place, newest: int) -> None:
    """Delete the words of files that none of the newest versions has any more."""
    rows = sql.many(IDS, asdict(place))
    if not rows:
        return
    versions = sql.many(HAVING, asdict(place))
    held = {one.id for row in versions if row["number"] > newest - VERSIONS for one in _read_files(row)}
    _delete_files(sql, place, {row["id"] for row in rows} - held)


def drop_waiting(sql: Sql) -> None:
    """Delete the words of files whose authors have said nothing in time."""
    if sql.count_changes(DROP_OLD, {"until": stamp(sql.now() - WAITING_FOR)}):
        _note_erasure(sql, "", None)


def erase_knowledge(sql: Sql, workspace: str, **scope: str | None) -> int:
    """Erase files, and their names in every version: those of a channel, thread, author or source. How many."""
    named = {name: value for name, value in scope.items() if value is not None}
    condition = "".join(f" AND {name} = :{name}" for name in named)
    statement = f"SELECT id, channel FROM knowledge WHERE workspace = :workspace{condition}"  # noqa: S608  ours
    rows = sql.many(statement, {"workspace": workspace, **named})
    if rows:
        lock_personas(sql, workspace)
    for channel in sorted({row["channel"] for row in rows}):
        _delete_files(sql, Place(workspace, channel), {row["id"] for row in rows if row["channel"] == channel})
    return len(rows)


def _delete_files(sql: Sql, place: Place, ids: Collection[int]) -> None:
    """Delete the words of files, and their names in every version."""
    if not ids:
        return
    for row in sql.many(HAVING, asdict(place)):
        files = _read_files(row)
        left = tuple(one for one in files if one.id not in ids)
        written = FILES.dump_json(left).decode() if left else None
        if len(left) < len(files):
            sql.execute(REWRITE, {**asdict(place), "number": row["number"], "knowledge": written})
    for one in sorted(ids):
        sql.execute(DELETE, {"id": one})
    _note_erasure(sql, place.workspace, place.channel)


def _insert_file(sql: Sql, row: Row, text: KnowledgeText) -> KnowledgeFile:
    if text.file.id:
        return text.file
    name, content = clean_text(text.file.name), clean_text(text.content)
    size = len(content.encode())
    values: dict[str, Any] = {**row, "name": name, "content": content, "size": size, "at": stamp(sql.now())}
    return KnowledgeFile(sql.insert_numbered("knowledge", values), name, size)


def _note_erasure(sql: Sql, workspace: str, channel: str | None) -> None:
    """Text was erased: the next sweep clears what is left of it in the database's files."""
    sql.insert("erasures", {"workspace": workspace, "channel": channel, "at": stamp(sql.now())})


def _read_files(row: Row) -> tuple[KnowledgeFile, ...]:
    return FILES.validate_json(row["knowledge"])


def _read_text(row: Row) -> KnowledgeText:
    return KnowledgeText(KnowledgeFile(row["id"], row["name"], row["size"]), row["content"])
