"""Categories and schemas become the columns of an answer, or a sentence says why not."""

import pytest

from core.commands.batches.fields import read_fields
from core.commands.registry import UsageError
from core.prompting.row_prompts import AnswerField


@pytest.mark.parametrize(
    ("categories", "schema", "found"),
    [
        pytest.param(None, None, (), id="words"),
        pytest.param("bug, praise", None, (AnswerField("category", choices=("bug", "praise")),), id="categories"),
        pytest.param(
            None, "name, price:number , ok: boolean", (AnswerField("name"), AnswerField("price", "number"), AnswerField("ok", "boolean")), id="schema"
        ),
    ],
)  # fmt: skip
def test_columns_are_read_as_people_write_them(categories, schema, found):
    assert read_fields(categories, schema) == found


@pytest.mark.parametrize(
    ("categories", "schema"),
    [
        ("bug", None),
        ("a, b", "c"),
        (None, "a:date"),
        (None, "1a"),
        (None, "a, A"),
        (None, ", ,"),
        (None, ",".join(f"c{one}" for one in range(30))),
    ],
)
def test_other_columns_are_refused(categories, schema):
    with pytest.raises(UsageError):
        read_fields(categories, schema)
