"""Hosted tools: those that Anthropic runs while Claude answers, within the bounds that their definitions set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.domain.messages import ThreadKey
from core.domain.models import CODE_EXECUTION, WEB_SEARCH
from core.domain.tools import CODE_TOOL, ToolDefinition
from core.prompting.activities import describe_code, describe_page, describe_search
from core.prompting.refused_tools import TYPES
from core.tools.tool import Tool

WEB, CODE = "web", "code"
SEARCHES, FETCHES = 5, 10  # of one request, at most
CODE_RESULTS = 30_000  # tokens of what code prints in one request
CODE_ESTIMATE = 10_000  # micro-dollars of its time: twelve minutes at $0.05 an hour
REFUSING = ("rejected", "forbidden")  # errors by which an API refuses a part of a request
PAGE = 25_000  # tokens of one page, about; a PDF is told whole


@dataclass(frozen=True, slots=True)
class HostedTools:
    """Provides tools that Anthropic runs. Each of them may cost, so an operator has to allow it."""

    tools: Sequence[Tool]
    free: bool = False

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for tool in self.tools:
            found.setdefault(tool.group, []).append(tool.name)
        return found

    async def list_tools(self, key: ThreadKey) -> Sequence[Tool]:
        return self.tools


def build_web_tools(
    allowed: Sequence[str] = (), blocked: Sequence[str] = (), results_bound: int = 0
) -> tuple[Tool, ...]:
    """Web search and web fetch, in the `allowed` domains alone, or in all but those `blocked`; the API takes not both.

    `results_bound` is in tokens of what they find in one request.
    """
    domains: dict[str, Any] = {"allowed_domains": [*allowed]} if allowed else {}
    domains |= {"blocked_domains": [*blocked]} if blocked else {}
    common = domains | {"allowed_callers": ["direct"]}  # else they run code, which nobody has chosen
    search = {"type": "web_search_20260318", "name": "web_search", "max_uses": SEARCHES, **common}
    fetch = {"type": "web_fetch_20260318", "name": "web_fetch", "max_uses": FETCHES, **common, **_bound_fetch()}
    return (
        Tool(
            ToolDefinition("web_search", search, capability=WEB_SEARCH, results_bound=results_bound),
            WEB,
            describe_search,
        ),
        Tool(ToolDefinition("web_fetch", fetch, results_bound=results_bound), WEB, describe_page),
    )


def _bound_fetch() -> dict[str, Any]:
    """It goes where people or search results pointed: what a page or a tool of ours says could smuggle words out.

    Search results are all results but its own; the API refuses a tool here that the request does not have.
    """
    own = {"type": "tool_reference", "name": "web_fetch"}
    sources = {
        "user_input": {"type": "all"},
        "server_tool_results": {"type": "except", "tools": [own]},
        "client_tool_results": {"type": "none"},
    }
    return {"max_content_tokens": PAGE, "citations": {"enabled": True}, "url_sources": sources}


def build_code_tools(results_bound: int = CODE_RESULTS, estimate: int = CODE_ESTIMATE) -> tuple[Tool, ...]:
    """Code execution, in a container of Anthropic's that has no network.

    `results_bound` is in tokens of what code prints in one request, `estimate` in micro-dollars of the time that it
    takes there: no answer tells either before, nor the second one ever.
    """
    body = {"type": TYPES[CODE_TOOL][0], "name": CODE_TOOL}
    definition = ToolDefinition(
        CODE_TOOL, body, capability=CODE_EXECUTION, results_bound=results_bound, estimate=estimate
    )
    return (Tool(definition, CODE, describe_code),)
