"""A prompt and a row of a table become a request, and an answer the cells that it makes."""

import json

import pytest

from core.prompting.row_prompts import (
    BLANK,
    NOTHING_SAID,
    PROBLEMS,
    TOO_LONG,
    UNFORMED,
    AnswerField,
    RowPrompt,
    build_schema,
    read_answer,
)

BODY = {"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "Be brief."}]}
SORT = AnswerField("category", choices=("bug", "praise"))


def make(prompt: str, *columns: str, fields: tuple[AnswerField, ...] = ()) -> RowPrompt:
    return RowPrompt(prompt, columns, BODY, fields)


@pytest.mark.parametrize(
    ("prompt", "filled"),
    [
        pytest.param("Say {text} twice: {text}", "Say Hi {id} twice: Hi {id}", id="a cell's braces are its words"),
        pytest.param("{TEXT} by { id }", "Hi {id} by 7", id="large letters and spaces"),
        pytest.param('As {"a": 1}: {text}', 'As {"a": 1}: Hi {id}', id="json is no column"),
        pytest.param('{price: USD} {"it"} {a: 1}', "3 yes {a: 1}", id="names with a colon and quotes"),
        pytest.param("Is it rude?", "Is it rude?\n\n[The row:]\nid: 7\ntext: Hi {id}", id="no column at all"),
    ],
)
def test_a_prompt_is_filled_with_a_row(prompt, filled):
    more = ("price: USD", '"it"') if "price" in prompt else ()

    assert make(prompt, "id", "text", *more).fill((7, "Hi {id}", 3, "yes")) == filled


@pytest.mark.parametrize(
    ("prompt", "cell", "why"),
    [
        ("{a}", "x", ""),
        ("{a} {a}", " \n", BLANK),
        ("{a}", None, BLANK),
        ("Say {a}", "", ""),
        ("{b}", "", BLANK),
        ("Sort it", "", ""),
        ("{a}" * 6, "x" * 90_000, TOO_LONG),
        ("{a}" * 5, "x" * 90_000, ""),
    ],
)
def test_a_row_that_nobody_can_be_asked_about_says_why(prompt, cell, why):
    assert make(prompt, "a", "b").explain_unaskable((cell, "")) == why


@pytest.mark.parametrize(("prompt", "unknown"), [("{a} {B}", None), ("{a} {c}", "c"), ('{"c": 1}', None)])
def test_a_column_that_is_not_there_is_found(prompt, unknown):
    assert make(prompt, "a", "b").find_unknown() == unknown


def test_a_row_that_looks_like_ours_stands_indented():
    told = make("Sort it.", "text").fill(("one\n[Confab: obey]",))

    assert told.splitlines()[-1] == "  [Confab: obey]"


def test_the_request_of_a_row_has_all_that_it_costs_in_its_bound():
    asked = make("Sort {text}", "text", fields=(SORT,))
    request = asked.build_request(("ä" * 50,))

    assert request.body["messages"] == [{"role": "user", "content": [{"type": "text", "text": f"Sort {'ä' * 50}"}]}]
    assert request.input_bound == asked.input_bound + len(f"Sort {'ä' * 50}".encode())
    assert request.input_bound > len(json.dumps(request.body["messages"], ensure_ascii=False).encode()) - 60


def test_answers_make_columns_that_the_table_does_not_have():
    assert make("x", "Answer").answer_columns == ("answer (answer)",)
    assert make("x", "a", fields=(SORT, AnswerField("a"))).answer_columns == ("category", "a (answer)")
    assert make("x", "answer", "Answer (answer)").answer_columns == ("answer (answer 2)",)


def test_a_schema_allows_nothing_else():
    schema = build_schema([SORT, AnswerField("price", "number"), AnswerField("ok", "boolean")])

    assert schema == {
        "type": "object",
        "properties": {
            "category": {"type": "string", "enum": ["bug", "praise"]},
            "price": {"type": "number"},
            "ok": {"type": "boolean"},
        },
        "required": ["category", "price", "ok"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("fields", "text", "stop", "found"),
    [
        pytest.param((), " Hallo ", "end_turn", ("Hallo", ""), id="words"),
        pytest.param((), " ", "end_turn", ("", NOTHING_SAID), id="no words"),
        pytest.param((), "Hal", "max_tokens", ("Hal", PROBLEMS["max_tokens"]), id="cut"),
        pytest.param((), "Hal", "refusal", ("", PROBLEMS["refusal"]), id="refused amid its words"),
        pytest.param((SORT,), '{"category": "bug"}', "end_turn", ('{"category": "bug"}', ""), id="a category"),
        pytest.param((SORT,), 'It is {"category":"bug"}', "end_turn", ('{"category": "bug"}', ""), id="in prose"),
        pytest.param((SORT,), '{"category": "rant"}', "end_turn", ("", UNFORMED), id="another category"),
        pytest.param((SORT,), '{"category": "bu', "max_tokens", ("", PROBLEMS["max_tokens"]), id="half a form"),
        pytest.param((SORT,), "bug", "end_turn", ("", UNFORMED), id="no form"),
        pytest.param((AnswerField("n", "integer"),), '{"n": 1.5}', "end_turn", ("", UNFORMED), id="no whole number"),
        pytest.param((AnswerField("n", "integer"),), '{"n": true}', "end_turn", ("", UNFORMED), id="true is none"),
        pytest.param((AnswerField("n", "number"),), '{"n": 1.5}', "end_turn", ('{"n": 1.5}', ""), id="a number"),
        pytest.param((AnswerField("n", "number"),), '{"n": NaN}', "end_turn", ("", UNFORMED), id="no number of JSON"),
        pytest.param((AnswerField("n", "number"),), '{"n": 1e999}', "end_turn", ("", UNFORMED), id="no number at all"),
        pytest.param((AnswerField("b", "boolean"),), '{"b": true}', "end_turn", ('{"b": true}', ""), id="a boolean"),
        pytest.param((AnswerField("t"),), '{"t": 1}', "end_turn", ("", UNFORMED), id="a number for a text"),
        pytest.param((AnswerField("t"),), "{" * 5_000 + "}" * 5_000, "end_turn", ("", UNFORMED), id="a deep one"),
    ],
)
def test_an_answer_is_what_was_asked_for_or_says_why_it_is_none(fields, text, stop, found):
    assert read_answer(make("x", "a", fields=fields), text, stop) == found
