"""Drafts as a column: the persona that was tried for an answer, beside what was said, without erased files."""

from pydantic import TypeAdapter

from core.domain.messages import clean_text
from core.domain.personas import Draft
from core.store.places.knowledge import erase_knowledge
from core.store.rules.erasures import record_erasure
from core.store.sql_port import Row, Sql

DRAFT = TypeAdapter(Draft)

DRAFTS = "SELECT id, workspace, channel, draft FROM questions WHERE workspace = :workspace AND draft IS NOT NULL"

FILES = "SELECT id FROM knowledge WHERE workspace = :workspace"


def read_draft(row: Row) -> Draft | None:
    """The persona that was tried for an answer."""
    return DRAFT.validate_json(row["draft"]) if row.get("draft") else None


def write_draft(draft: Draft | None) -> str | None:
    """A draft as its column has it."""
    return clean_text(DRAFT.dump_json(draft).decode()) if draft else None


def erase_known_files(sql: Sql, workspace: str, **scope: str | None) -> int:
    """Erase files that personas know, of a channel, thread, author or source, and the drafts that know one. How many.

    A draft names the files that it knows.
    """
    count = erase_knowledge(sql, workspace, **scope)
    if count:
        left = {row["id"] for row in sql.many(FILES, {"workspace": workspace})}
        for row in sql.many(DRAFTS, {"workspace": workspace}):
            draft = read_draft(row)
            if draft and any(one.id not in left for one in draft.persona.knowledge or ()):
                sql.update("questions", row["id"], {"draft": None})
                record_erasure(sql, row["workspace"], row["channel"], sql.now())
    return count
