"""The stand-in for Claude takes the schemas that the Messages API takes for structured output, and answers by them."""

import json
from enum import Enum

import anthropic
import pytest
from pydantic import BaseModel, Field

from tests.fakes.claude.client import ASK, base64_block, said, text, user

OBJECT = {"type": "object", "additionalProperties": False}
WHERE = "output_config.format.schema: "


def form(schema: dict) -> dict:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def of(part: dict) -> dict:
    """A form whose one property is `part`."""
    return form({**OBJECT, "properties": {"one": part}})


NODE = {**OBJECT, "properties": {"next": {"$ref": "#/$defs/Node"}}}
PDF = base64_block("document", "application/pdf", b"%PDF-1.4 /Type /Page")
CITED = {**PDF, "citations": {"enabled": True}}

REFUSALS = {
    "no schema": (
        {"output_config": {"format": {"type": "json_schema"}}},
        "output_config.format.schema: Field required",
    ),
    "an open object": (
        form({"type": "object", "properties": {}}),
        f"{WHERE}For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    "an open object within": (
        of({"type": "array", "items": {"type": "object", "properties": {}}}),
        f"{WHERE}For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    "recursion": (
        form({**NODE, "$defs": {"Node": NODE}}),
        f"{WHERE}Circular reference detected in schema definitions: Node -> Node",
    ),
    "a minimum": (
        of({"type": "integer", "minimum": 1}),
        f"{WHERE}For 'integer' type, properties minimum are not supported",
    ),
    "a length": (
        of({"type": "string", "maxLength": 5, "minLength": 1}),
        f"{WHERE}For 'string' type, properties maxLength, minLength are not supported",
    ),
    "a number of items": (
        of({"type": "array", "items": {"type": "null"}, "minItems": 2}),
        f"{WHERE}For 'array' type, 'minItems' values other than 0 or 1 are not supported",
    ),
    "an unknown type": (of({"type": "word"}), f"{WHERE}type 'word' is not supported"),
    "no type": (
        of({"description": "anything"}),
        f"{WHERE}Schema must have a 'type', '$ref', 'anyOf', 'allOf', 'enum' or 'const'",
    ),
    "a reference elsewhere": (
        of({"$ref": "https://example.com/schema"}),
        f"{WHERE}reference 'https://example.com/schema' can't be resolved; external references are not supported",
    ),
    "a form with citations": (
        {**form({**OBJECT, "properties": {}}), **said(user(CITED, text("What is it?")))},
        "output_config.format: structured outputs can't be used with citations",
    ),
    "citations of some documents": (
        said(user(CITED, PDF, text("What is it?"))),
        "messages: citations must be enabled on all or none of the documents in a request",
    ),
}


@pytest.mark.parametrize(("asked", "words"), REFUSALS.values(), ids=REFUSALS)
async def test_it_refuses(claude, sdk, asked, words):
    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.messages.create(**{**ASK, **asked})

    assert caught.value.api_message == words
    assert claude.billed == []


class Mood(Enum):
    GLAD = "glad"
    SAD = "sad"


class Tag(BaseModel):
    name: str = Field(min_length=1, description="a word")
    weight: float = Field(ge=0, le=1)


class Form(BaseModel):
    """What may stand in a schema that the SDK makes."""

    mood: Mood
    tags: list[Tag] = Field(min_length=1, max_length=3)
    note: str | None = None
    sure: bool


async def test_it_takes_what_the_sdk_makes_of_a_class_and_answers_by_it(sdk):
    answered = await sdk.messages.create(**{**ASK, **form(anthropic.transform_schema(Form))})

    least = {"mood": "glad", "tags": [{"name": "", "weight": 0}], "sure": False}
    assert json.loads(answered.content[0].text) == least


async def test_a_schema_and_citations_are_tokens_of_the_prompt(sdk):
    plain = await sdk.messages.count_tokens(model=ASK["model"], messages=ASK["messages"])
    formed = await sdk.messages.count_tokens(model=ASK["model"], messages=ASK["messages"], **of({"type": "null"}))
    shown = await sdk.messages.count_tokens(model=ASK["model"], **said(user(PDF, text("Hi"))))
    cited = await sdk.messages.count_tokens(model=ASK["model"], **said(user(CITED, text("Hi"))))

    assert formed.input_tokens > plain.input_tokens + 200
    assert cited.input_tokens == shown.input_tokens + 400


@pytest.mark.parametrize(
    ("lacking", "asked"),
    [("citations", said(user(CITED, text("Hi")))), ("structured_outputs", of({"type": "null"}))],
    ids=["citations", "structured outputs"],
)
async def test_models_may_lack(claude, sdk, lacking, asked):
    claude.lacks = frozenset({lacking})

    model = await sdk.models.retrieve(ASK["model"])
    with pytest.raises(anthropic.BadRequestError, match="support"):
        await sdk.messages.create(**{**ASK, **asked})

    assert getattr(model.capabilities, lacking).supported is False
