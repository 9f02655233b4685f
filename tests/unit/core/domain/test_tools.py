"""What Claude is told of tools, and what it asks of them: core.domain.tools."""

import json

import pytest

from core.domain.content import Text
from core.domain.tools import (
    DEEPEST,
    UNREAD,
    ToolCall,
    ToolDefinition,
    ToolResult,
    bound_fetches,
    drop_repeated_calls,
    fail_call,
    find_flaw,
)
from tests.support.tool_shed import nest

SEARCH = {"name": "search", "description": "Searches “here”.", "input_schema": {"type": "object"}}


def test_anthropic_runs_what_has_a_type_in_place_of_a_schema():
    assert ToolDefinition("web_search", {"type": "web_search_20260318", "name": "web_search"}).hosted
    assert not ToolDefinition("search", SEARCH).hosted


def test_telling_a_tool_takes_no_more_tokens_than_bytes():
    bound = ToolDefinition("search", SEARCH).tokens_bound

    assert bound > len(json.dumps(SEARCH, ensure_ascii=False).encode())


def test_the_same_call_has_the_same_digest_whatever_it_is_named():
    call = ToolCall("toolu_1", "create", {"title": "Fix é", "labels": ["bug"]})

    assert call.digest == ToolCall("toolu_2", "create", {"labels": ["bug"], "title": "Fix é"}).digest
    assert call.digest != ToolCall("toolu_1", "create", {"title": "Fix e", "labels": ["bug"]}).digest
    assert call.digest != ToolCall("toolu_1", "close", call.arguments).digest


def test_a_lone_surrogate_of_claudes_has_a_digest():
    assert ToolCall("toolu_1", "create", {"title": "\ud800"}).digest


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize(
    ("levels", "flaw"), [(1, ""), (DEEPEST, ""), *((levels, UNREAD) for levels in (DEEPEST + 1, 250, 300, 5_000))]
)
def test_with_what_is_nested_too_deep_nothing_can_be_called(levels, flaw, kind):
    assert find_flaw(nest(levels, kind)) == flaw


@pytest.mark.parametrize("given", ["{", [], 7, None])
def test_with_what_is_no_object_nothing_can_be_called(given):
    assert find_flaw(given) == UNREAD


def test_a_call_that_failed_says_why():
    assert fail_call("It is down.") == ToolResult((Text("It is down."),), failed=True)
    assert fail_call("It is down.").words == "It is down."


def test_a_fetch_goes_where_people_and_searches_pointed_and_to_nothing_that_another_tool_says():
    fetch = {"type": "web_fetch_x", "name": "web_fetch", "url_sources": {"user_input": {"type": "all"}}}
    hosted = [ToolDefinition(name, {"type": name, "name": name}) for name in ("code_execution", "web_search")]

    for others in (hosted, []):
        *_, bounded = bound_fetches([*others, ToolDefinition("search", SEARCH), ToolDefinition("web_fetch", fetch)])
        excepted = [{"type": "tool_reference", "name": one} for one in ("code_execution", "web_fetch")]
        sources = {"type": "except", "tools": excepted if others else excepted[1:]}
        assert bounded.body["url_sources"] == {"user_input": {"type": "all"}, "server_tool_results": sources}


def test_a_call_whose_id_stands_before_is_no_part_of_a_step():
    first, again = ({"type": "tool_use", "id": "a", "name": "look", "input": {"at": at}} for at in (1, 2))
    others = [{"type": "text", "text": "x"}, {"type": "text", "text": "x"}, {**first, "id": "b"}]

    assert drop_repeated_calls([first, *others, again]) == [first, *others]
