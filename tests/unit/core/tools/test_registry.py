"""Which tools may be chosen, and which a conversation gets.

Tests core.tools: core.tools.registry, core.tools.tool.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.domain.messages import ThreadKey
from core.domain.tools import ToolDefinition
from core.tools.registry import ToolRegistry, UnknownTool
from core.tools.tool import Tool

KEY = ThreadKey("slack:T1", "C1", "1.0")
WEB = {"web": ("web_search", "web_fetch")}
BUILTIN = {"history": ("search_history", "read_thread"), "time": ("current_time",)}


@dataclass(frozen=True)
class Provided:
    """Tools of these groups; those of a group without names are `more`."""

    groups: Mapping[str, Sequence[str]]
    free: bool = False
    more: Sequence[str] = field(default=())

    async def list_tools(self, key: ThreadKey) -> list[Tool]:
        assert key == KEY
        return [make_tool(name, group) for group, names in self.groups.items() for name in names or self.more]


def make_tool(name: str, group: str) -> Tool:
    body: dict[str, Any] = {"name": name, "input_schema": {"type": "object"}}
    return Tool(ToolDefinition(name, body), group, lambda arguments: name)


def make_registry(*allowed: str, defaults: Sequence[str] = ()) -> ToolRegistry:
    providers = [Provided(WEB), Provided(BUILTIN, free=True), Provided({"tickets": ()}, more=["tickets__create"])]
    return ToolRegistry(providers, allowed, defaults)


async def list_names(registry: ToolRegistry, chosen: str | None = None) -> list[str]:
    return [tool.name for tool in await registry.list_tools(KEY, chosen)]


CHOICES = {
    "nothing chosen": ((), None, ["current_time", "read_thread", "search_history"]),
    "no tool": ((), "none", []),
    "a group": ((), "history", ["read_thread", "search_history"]),
    "a tool of a group": ((), "time,read_thread", ["current_time", "read_thread"]),
    "what costs, unless it is allowed": ((), "web", []),
    "what costs and is allowed, but not chosen": (("web", "time"), None, ["current_time"]),
    "what costs and is allowed": (("web",), "web", ["web_fetch", "web_search"]),
    "one tool of an allowed group": (("web",), "web_fetch", ["web_fetch"]),
    "a group of which one tool is allowed": (("web_fetch",), "web", ["web_fetch"]),
    "a server's tools, of unknown names": (("tickets",), "tickets", ["tickets__create"]),
    "what is not allowed any more": (("time",), "time,history", ["current_time"]),
}


@pytest.mark.parametrize(("allowed", "chosen", "names"), CHOICES.values(), ids=CHOICES)
async def test_a_conversation_gets_what_is_chosen_and_allowed_in_order(allowed, chosen, names):
    assert await list_names(make_registry(*allowed), chosen) == names


async def test_an_operator_says_what_is_on_where_nobody_chooses():
    registry = make_registry("web", "time", defaults=["web_search"])

    assert await list_names(registry) == ["web_search"]


async def test_what_is_on_by_default_is_allowed_too():
    assert await list_names(make_registry("time", defaults=["web", "time"])) == ["current_time"]


def test_what_may_be_chosen_is_told():
    registry = make_registry("web_fetch", "time")

    assert registry.names == ["current_time", "time", "web", "web_fetch"]
    assert registry.parse_choice(" Web, time ") == {"web", "time"}
    assert registry.parse_choice("none") == frozenset()
    with pytest.raises(UnknownTool, match=r"no tool `history`.*These may: `current_time`, `time`, `web`, `web_fetch`"):
        registry.parse_choice("web,history")
