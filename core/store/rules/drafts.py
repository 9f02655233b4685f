"""Drafts as a column: the persona that was tried for an answer, beside what was said."""

from pydantic import TypeAdapter

from core.domain.messages import clean_text
from core.domain.personas import Draft
from core.store.sql_port import Row

DRAFT = TypeAdapter(Draft)


def read_draft(row: Row) -> Draft | None:
    """The persona that was tried for an answer."""
    return DRAFT.validate_json(row["draft"]) if row.get("draft") else None


def write_draft(draft: Draft | None) -> str | None:
    """A draft as its column has it."""
    return clean_text(DRAFT.dump_json(draft).decode()) if draft else None
