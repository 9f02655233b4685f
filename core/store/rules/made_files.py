"""Files that tools made for an answer, with their question: Anthropic keeps them until it is shown."""

from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter

from core.domain.messages import MadeFile
from core.store.rules.file_deletions import request_deletion
from core.store.sql_port import Row, Sql

MADE = TypeAdapter(tuple[MadeFile, ...])


def read_made_files(row: Row) -> tuple[MadeFile, ...]:
    """The files that tools made for an answer; of a closed question only what they are called."""
    return MADE.validate_json(row["made"]) if row.get("made") else ()


def keep_made_files(sql: Sql, row: Row, made: Sequence[MadeFile]) -> None:
    """Keep all files that tools made for an open question's answer. Others, kept before, are deleted at Anthropic."""
    kept = {one.file_id for one in made}
    _request_deletions(sql, row, (one for one in read_made_files(row) if one.file_id not in kept))
    if made or row["made"]:
        sql.update("questions", row["id"], {"made": _write_made_files(made)})


def release_made_files(sql: Sql, row: Row, *, postable: bool = False) -> None:
    """The answer is shown, or nobody waits for it: Anthropic keeps none of its files. Ours stay if it is `postable`."""
    if made := read_made_files(row):
        _request_deletions(sql, row, made)
        ours = [one for one in made if postable and not one.file_id]
        called = ours or [MadeFile(one.name, one.type) for one in made if one.name]
        sql.update("questions", row["id"], {"made": _write_made_files(called)})


def _request_deletions(sql: Sql, row: Row, made: Iterable[MadeFile]) -> None:
    for one in made:
        request_deletion(sql, row["workspace"], one.api_key, one.file_id, None)


def _write_made_files(made: Sequence[MadeFile]) -> str | None:
    return MADE.dump_json(tuple(made)).decode() if made else None
