"""What is asked again where an API does not take a tool: core.prompting.refused_tools."""

from typing import Any

import pytest

from core.domain.tools import ToolDefinition
from core.prompting.refused_tools import explain_left_out, names_hosted, simplify_tools
from core.prompting.request import Request
from core.tools.hosted import build_web_tools

SEARCH, FETCH = (dict(tool.definition.body) for tool in build_web_tools())
CLOCK = {"name": "current_time", "input_schema": {"type": "object"}}


def make_request(*tools: dict[str, Any]) -> Request:
    body = {"model": "m", "messages": []}
    definitions = tuple(ToolDefinition(tool["name"], tool) for tool in tools)
    return Request(body | {"tools": list(tools)} if tools else body, (), tools=definitions)


def retype(tool: dict[str, Any], kind: str) -> dict[str, Any]:
    return {**tool, "type": kind}


UNCITED = {name: value for name, value in FETCH.items() if name != "citations"}
OLD = retype(SEARCH, "web_search_20250305")
ALL = (SEARCH, FETCH, CLOCK)
COMPLAINTS = {
    "an older type that the API names": (
        ALL,
        "'m' does not support tool types: web_search_20260318. Did you mean one of web_search_20260209?",
        (retype(SEARCH, "web_search_20260209"), FETCH, CLOCK),
    ),
    "the oldest type where it names none": (
        ALL,
        "tools.1: Input tag 'web_fetch_20260318' found using 'type' does not match any of the expected tags: 'custom'",
        (SEARCH, retype(FETCH, "web_fetch_20250910"), CLOCK),
    ),
    "no tool where the oldest type is refused": (
        (OLD, FETCH),
        "'m' does not support tool types: web_search_20250305",
        (FETCH,),
    ),
    "no tool where it is switched off": (
        ALL,
        "tools.0: Web search is not enabled for this organization.",
        (FETCH, CLOCK),
    ),
    "no tool with a field that is refused": (
        ALL,
        "tools.1.url_sources: Extra inputs are not permitted",
        (SEARCH, CLOCK),
    ),
    "no citations": (ALL, "tools.1: citations are not supported for this model.", (SEARCH, UNCITED, CLOCK)),
    "one of ours that is refused": (ALL, "tools.2.custom.input_schema: JSON schema is invalid", (SEARCH, FETCH)),
    "none where the model takes none": (ALL, "`m` does not support tools", ()),
    "none where the gateway takes none": (ALL, "tools: Extra inputs are not permitted", ()),
}


@pytest.mark.parametrize(("tools", "complaint", "left"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_what_is_refused_of_tools_is_older_or_left_out(tools, complaint, left):
    assert simplify_tools(make_request(*tools), complaint) == make_request(*left)


@pytest.mark.parametrize(
    ("tools", "complaint"),
    [
        ((), "tools.0: Web search is not enabled for this organization."),
        (ALL, "messages.3.content.1: Invalid `encrypted_content` in `web_search_tool_result` block"),
        (ALL, "tools.7: Input should be an object"),
        (ALL, "max_tokens: 9 > 8"),
    ],
    ids=["no tools", "a result", "a tool that is not there", "something else"],
)
def test_what_is_nothing_of_the_tools_changes_none(tools, complaint):
    assert simplify_tools(make_request(*tools), complaint) is None


@pytest.mark.parametrize(
    ("complaint", "hosted"),
    [
        ("tools.0: Web search is not enabled", True),
        ("unsupported: web_fetch_20260318", True),
        ("tools.2.custom.input_schema: JSON schema is invalid", False),
        ("messages.3.content.1: `web_search_tool_result`", False),
    ],
)
def test_a_complaint_of_a_hosted_tool_holds_for_every_request(complaint, hosted):
    assert names_hosted(complaint) is hosted


def test_an_operator_reads_what_is_left_out_and_what_helps():
    whole = make_request(*ALL)

    assert explain_left_out(whole, make_request(CLOCK)) == (
        "Answers go without web_search, web_fetch. An admin of the organization switches it on in the Claude Console, "
        "under Settings, Privacy; then restart."
    )
    assert explain_left_out(whole, make_request(SEARCH, FETCH)) == "Answers go without current_time."
    assert explain_left_out(whole, make_request(OLD, FETCH, CLOCK)) == ""
