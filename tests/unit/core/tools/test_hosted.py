"""Tools that Anthropic runs, and within which bounds: core.tools.hosted."""

from typing import Any

import pytest
from anthropic.types import CodeExecutionTool20260521Param, WebFetchTool20260318Param, WebSearchTool20260318Param
from pydantic import TypeAdapter

from core.domain.messages import ThreadKey
from core.tools.hosted import HostedTools, build_code_tools, build_web_tools
from core.tools.registry import ToolRegistry

KEY = ThreadKey("slack:T1", "C1", "1.0")
SDK_TYPES = {"web_search": WebSearchTool20260318Param, "web_fetch": WebFetchTool20260318Param}


@pytest.mark.parametrize(
    ("named", "domains"),
    [
        ({}, {}),
        ({"allowed": ["example.com"]}, {"allowed_domains": ["example.com"]}),
        ({"blocked": ["example.com", "a.org"]}, {"blocked_domains": ["example.com", "a.org"]}),
    ],
    ids=["anywhere", "allowed ones", "all but the blocked"],
)
def test_web_tools_run_directly_within_bounds_and_domains(named: dict[str, Any], domains: dict[str, Any]) -> None:
    search, fetch = (tool.definition.body for tool in build_web_tools(**named, results_bound=50_000))

    common = {"allowed_callers": ["direct"], **domains}
    assert search == {"type": "web_search_20260318", "name": "web_search", "max_uses": 5, **common}
    assert fetch == {
        "type": "web_fetch_20260318",
        "name": "web_fetch",
        "max_uses": 10,
        "max_content_tokens": 25_000,
        "citations": {"enabled": True},
        "url_sources": {
            "user_input": {"type": "all"},
            "server_tool_results": {"type": "except", "tools": [{"type": "tool_reference", "name": "web_fetch"}]},
            "client_tool_results": {"type": "none"},
        },
        **common,
    }
    for body in (search, fetch):
        TypeAdapter[Any](SDK_TYPES[body["name"]]).validate_python(body, strict=True)


def test_code_is_the_newest_version_with_what_it_is_taken_to_cost() -> None:
    (tool,) = build_code_tools(results_bound=9, estimate=7)

    assert tool.definition.body == {"type": "code_execution_20260521", "name": "code_execution"}
    assert (tool.group, tool.definition.results_bound, tool.definition.estimate) == ("code", 9, 7)
    TypeAdapter[Any](CodeExecutionTool20260521Param).validate_python(tool.definition.body, strict=True)


async def test_web_tools_cost_so_nobody_has_them_before_an_operator_allows_it() -> None:
    provider = HostedTools(build_web_tools())

    chosen = [sorted((await ToolRegistry([provider], names).find_tools(KEY, "web"))[0]) for names in ((), ("web",))]

    assert chosen == [[], ["web_fetch", "web_search"]]
