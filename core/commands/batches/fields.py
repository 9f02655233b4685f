"""Fields: the columns that an answer is to have, as people write them: some categories, or names with their kinds."""

import re

from core.commands.craft.classification import read_categories
from core.commands.registry import UsageError
from core.prompting.row_prompts import KINDS, AnswerField

MOST = 20
NAME = re.compile(r"[^\W\d]\w{0,39}")
HOW = f'schema names columns and their kinds, as in `schema="name, price:number"`. Kinds are {", ".join(KINDS)}.'


def read_fields(categories: str | None, schema: str | None) -> tuple[AnswerField, ...]:
    """The columns of the answer; none where it is words. Raises UsageError."""
    if categories and schema:
        raise UsageError("Give categories or a schema, not both.", "schema")
    if categories:
        return (AnswerField("category", choices=tuple(read_categories(categories))),)
    fields = tuple(_read_field(one) for one in (schema or "").split(",") if one.strip())
    if schema and not 0 < len(fields) <= MOST:
        raise UsageError(HOW, "schema")
    if len({one.name.casefold() for one in fields}) < len(fields):
        raise UsageError("Two columns of the schema have the same name.", "schema")
    return fields


def _read_field(written: str) -> AnswerField:
    name, _, kind = (part.strip() for part in written.partition(":"))
    if not NAME.fullmatch(name) or (kind or "text") not in KINDS:
        raise UsageError(HOW, "schema")
    return AnswerField(name, kind or "text")
