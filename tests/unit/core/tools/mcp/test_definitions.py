"""What Claude is told of a server's tools, whatever the server says: core.tools.mcp.definitions."""

import json
import re

import pytest

from core.tools.mcp.definitions import ListedTool, build_offer, mark_tool, name_tool
from core.tools.mcp.settings import McpServer

SERVER = McpServer("tickets", url="https://a.example")
OBJECT = {"type": "object", "properties": {"query": {"type": "string"}}}


def listed(name, description="Finds.", schema=None, *, reads=False):
    return ListedTool(name, description, OBJECT if schema is None else schema, reads)


def names(offer):
    return [tool.definition.name for tool in offer.tools]


def test_a_tool_is_told_as_the_server_s_with_its_words_framed():
    offer = build_offer(SERVER, [listed("search", reads=True), listed("create")])
    create, search = offer.tools

    assert dict(search.definition.body) == {
        "name": "tickets__search",
        "description": 'A tool of the server "tickets", which describes it so:\nFinds.',
        "input_schema": OBJECT,
    }
    assert [(tool.name, tool.definition.name, tool.definition.acts) for tool in (create, search)] == [
        ("create", "tickets__create", True),
        ("search", "tickets__search", False),
    ]


def test_the_file_says_what_acts_and_what_is_allowed():
    server = McpServer("t", denied=frozenset({"drop"}), acts=frozenset({"search"}), tools=frozenset({"search", "drop"}))

    offer = build_offer(server, [listed("search", reads=True), listed("drop"), listed("other", reads=True)])

    assert [(tool.name, tool.definition.acts) for tool in offer.tools] == [("search", True)]
    assert sorted(offer.marks) == ["drop", "other", "search"]


def test_the_same_listing_is_the_same_bytes_in_any_order():
    one = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}}
    two = {"properties": {"b": {"type": "number"}, "a": {"type": "string"}}, "type": "object"}

    first = build_offer(SERVER, [listed("x", schema=one), listed("y")])
    second = build_offer(SERVER, [listed("y"), listed("x", schema=two)])

    assert [json.dumps(t.definition.body) for t in first.tools] == [json.dumps(t.definition.body) for t in second.tools]
    assert first.marks == second.marks


@pytest.mark.parametrize("name", ["search.issues", "Suche Ärger", "a" * 300, "createIssue", "", "💥"])
def test_names_fit_the_api(name):
    assert re.fullmatch(r"[a-z0-9_-]{1,128}", name_tool(SERVER, name))


def test_names_that_become_the_same_are_told_apart_and_the_plain_one_keeps_its_own():
    offer = build_offer(SERVER, [listed("a.b"), listed("a_b"), listed("A_B"), listed("x" * 200), listed("x" * 201)])

    assert len(set(names(offer))) == 5
    assert {tool.name: tool.definition.name for tool in offer.tools}["a_b"] == "tickets__a_b"
    assert all(re.fullmatch(r"[a-z0-9_-]{1,128}", name) for name in names(offer))
    assert names(offer) == sorted(names(offer))


@pytest.mark.parametrize("name", ["close.issue", "closeIssue", "close issue", "x" * 200, "close_issue_0123abcd"])
def test_a_name_that_was_allowed_for_one_tool_never_goes_to_another_one(name):
    (alone,) = names(build_offer(SERVER, [listed(name)]))
    taken = alone.removeprefix("tickets__")
    others = [listed(taken), listed("close_issue"), listed("close-issue"), listed(name.upper()), listed(name + "x")]

    told = {tool.name: tool.definition.name for tool in build_offer(SERVER, [listed(name), *others]).tools}

    assert told[name] == alone
    assert len(told) == len({one.name for one in [listed(name), *others]})
    assert alone not in {given for listed_name, given in told.items() if listed_name != name}


DEEP: dict = {"type": "object"}
for _ in range(60):
    DEEP = {"type": "object", "properties": {"a": DEEP}}
REFUSED = {
    "no object": ({"type": "array"}, "no object's"),
    "too large": ({"type": "object", "description": "x" * 20_000}, "more than 20,000 bytes"),
    "an argument's name": ({"type": "object", "properties": {"a b": {}}}, "an argument's name"),
    "properties that are none": ({"type": "object", "properties": [1]}, "an argument's name"),
    "too deep": (DEEP, "nested too deeply"),
    "no JSON Schema": ({"type": "object", "properties": {"a": {"type": "text"}}}, "no valid JSON Schema"),
    "an older JSON Schema": (
        {"type": "object", "properties": {"a": {"exclusiveMinimum": True}}},
        "no valid JSON Schema",
    ),
    "a reference to nothing": ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, "refers to what"),
    "a reference elsewhere": ({"type": "object", "properties": {"a": {"$ref": "https://b.example"}}}, "refers to what"),
    "no text": ({"type": "object", "description": "a\0b"}, "characters that no text has"),
}


@pytest.mark.parametrize(("schema", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_the_api_would_refuse_is_left_out_and_the_rest_stays(schema, problem):
    offer = build_offer(SERVER, [listed("good"), listed("bad", schema=schema)])

    assert names(offer) == ["tickets__good"]
    assert len(offer.problems) == 1
    assert offer.problems[0].startswith("'bad' is left out: ")
    assert problem in offer.problems[0]


def test_what_the_api_refuses_at_the_top_alone_is_taken_away():
    schema = {
        "properties": {"a": {"$ref": "#/$defs/b"}},
        "$defs": {"b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}],
    }

    (tool,) = build_offer(SERVER, [listed("search", schema=schema)]).tools

    assert tool.definition.body["input_schema"] == {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/b"}},
        "$defs": {"b": {"type": "string"}},
    }


def test_a_description_is_cut_and_cleaned():
    (tool,) = build_offer(SERVER, [listed("search", "ä" * 5_000 + "\0")]).tools

    told = tool.definition.body["description"]
    assert len(told.encode()) < 4_100
    assert told.endswith("ä [...]")
    assert tool.definition.tokens_bound > 0


def test_no_more_tools_than_a_server_may_have():
    offer = build_offer(SERVER, [listed(f"tool{number:03}") for number in range(200)])

    assert (len(offer.tools), offer.tools[-1].name) == (128, "tool127")
    assert offer.problems == ("it has 200 tools, of which the first 128 are used; name those that matter in `tools`",)


def test_no_more_is_told_of_a_server_than_a_prompt_has_room_for():
    offer = build_offer(SERVER, [listed(f"tool{number:02}", "x" * 5_000) for number in range(50)])

    assert sum(tool.definition.tokens_bound for tool in offer.tools) <= 100_000
    assert len(offer.tools) == 23
    assert offer.problems[0].startswith("it has 50 tools, of which the first 23 are used")


def test_names_of_the_file_that_the_server_has_not_are_told():
    server = McpServer("t", tools=frozenset({"search", "serch"}), acts=frozenset({"creat"}))

    offer = build_offer(server, [listed("search")])

    assert offer.problems == (
        "it has no tool 'creat', which the file names",
        "it has no tool 'serch', which the file names",
    )


def test_a_mark_changes_with_all_that_a_server_says_of_a_tool():
    changed = [
        listed("a"),
        listed("b"),
        listed("a", "Finds!"),
        listed("a", schema={"type": "object"}),
        listed("a", reads=True),
    ]

    assert len({mark_tool(one) for one in changed}) == 5
    assert mark_tool(listed("a")) == mark_tool(listed("a"))


def test_no_secret_of_the_file_is_told_in_a_definition_or_of_what_is_wrong_with_it():
    server = McpServer("tickets", url="https://a.example", secrets=("tok-secret-77",))
    schema = {"type": "object", "properties": {"key": {"type": "string", "default": "tok-secret-77"}}}

    offer = build_offer(
        server,
        [
            listed("search", "Sends tok-secret-77.", schema),
            listed("x" * 55 + "tok-secret-77", schema={"type": "object", "x": "\0"}),
        ],
    )

    (search,) = offer.tools
    assert "tok-s" not in search.definition.told + "".join(offer.problems)
    assert search.definition.body["input_schema"]["properties"]["key"]["default"] == "[secret]"
