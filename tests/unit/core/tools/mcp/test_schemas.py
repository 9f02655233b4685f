"""Which schemas of a server's tools are taken, and how long it takes to say so: core.tools.mcp.schemas."""

import json
import time

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from core.tools.mcp.definitions import ListedTool, build_offer
from core.tools.mcp.schemas import find_doubts, is_json_schema
from core.tools.mcp.settings import McpServer

SERVER = McpServer("tickets", url="https://a.example")
VALUES = [
    True,
    0,
    -1,
    1.5,
    "a",
    "#a",
    "(",
    [],
    ["a"],
    ["a", "a"],
    [{}],
    [7],
    {},
    {"a": {}},
    {"a": 7},
    {"a": ["b"]},
    {"(": {}},
]


def is_taken_by_the_library(schema):
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return False
    return True


def list_keywords():
    """All that the vocabularies of 2020-12 know."""
    known = Draft202012Validator({}).VALIDATORS.keys() | {"$id", "$schema", "$anchor", "$dynamicAnchor", "$vocabulary"}
    more = {"$comment", "$defs", "definitions", "title", "description", "default", "deprecated", "examples", "format"}
    return sorted(known | more | {"$recursiveAnchor", "$recursiveRef", "contentSchema", "readOnly", "then", "else"})


@pytest.mark.parametrize("keyword", list_keywords())
def test_what_is_a_schema_is_what_the_library_says(keyword):
    schemas = [{keyword: value} for value in VALUES]
    nested = [{"type": "object", "properties": {"a": {"items": schema}}} for schema in schemas]

    assert [is_json_schema(one) for one in schemas + nested] == [
        is_taken_by_the_library(one) for one in schemas + nested
    ]


def test_a_schema_with_a_number_that_json_has_not_is_doubted_for_that():
    schema = {"type": "object", "properties": {"n": {"type": "number", "maximum": float("nan")}}}

    assert list(find_doubts(schema)) == ["the schema of its arguments has numbers that JSON does not have"]


def list_tools(count, kind="string"):
    fields = {
        f"field_{number}": {"type": kind, "enum": ["a", "b"], "description": "A field." * 8} for number in range(10)
    }
    schemas = [{"type": "object", "title": f"{kind} {number}", "properties": fields} for number in range(count)]
    return [
        ListedTool(f"tool{number:04}", "Does it.", schema, reads_only=True) for number, schema in enumerate(schemas)
    ]


@pytest.mark.parametrize("kind", ["string", "no kind"])
def test_a_thousand_tools_take_little_of_the_processor_whether_they_are_good_or_not(kind):
    listed = list_tools(1_000, kind)
    started = time.process_time()

    offer = build_offer(SERVER, listed)

    assert time.process_time() - started < 2.0
    assert "of which the first" in offer.problems[-1]


def test_more_tools_than_are_looked_at_are_told_and_the_file_s_own_are_among_those_looked_at():
    listed = list_tools(1_200)

    every = build_offer(SERVER, listed)
    chosen = build_offer(McpServer("t", url="https://a.example", tools=frozenset({"tool1150"})), listed)

    assert every.problems[-1].startswith("it has more than 1,000 tools, of which the first ")
    assert [tool.name for tool in chosen.tools] == ["tool1150"]
    assert chosen.problems == ()


def test_the_same_schema_is_looked_at_once():
    schema = {"type": "object", "title": "looked at once", "properties": {str(n): {} for n in range(2_000)}}
    is_json_schema(schema)
    started = time.process_time()

    assert is_json_schema(json.loads(json.dumps(schema)))
    assert time.process_time() - started < 0.05
