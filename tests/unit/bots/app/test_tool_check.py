"""Tools in settings: what is said of their names, at the start and by the doctor, before any is asked.

Tests bots.app.tool_check and what bots.app.configuration says of tools.
"""

from dataclasses import replace

import pytest

from bots.app.configuration import open_tools
from bots.app.tool_check import check_tools
from bots.ops.results import TOOLS
from core.domain.errors import SettingsError
from core.tools.mcp.settings import McpServer
from tests.support.doctor import chosen
from tests.support.provided_tools import ProvidedTools

PROVIDERS = [
    ProvidedTools({"history": ("search_history", "read_thread"), "time": ("current_time",)}, free=True),
    ProvidedTools({"web": ("web_search", "web_fetch")}, hosted=True),
    ProvidedTools({"tickets": ()}),
]
FREE = {"history": ["read_thread", "search_history"], "time": ["current_time"]}
NOT_THERE = "CONFAB_TOOLS: There is no tool `wbe`. Did you mean `web`? These may be chosen: `history` (read_thread, "
NOT_ALLOWED = "CONFAB_DEFAULT_TOOLS: `web` is not allowed. Add `web` to CONFAB_TOOLS, or take it out here."


CHOSEN = {
    "unset": ({}, FREE, FREE),
    "no tool": ({"confab_tools": ("none",)}, {}, {}),
    "what may be chosen": (
        {"confab_tools": ("Web", "time", "tickets")},
        {"tickets": [], "time": ["current_time"], "web": ["web_fetch", "web_search"]},
        {"time": ["current_time"]},
    ),
    "and what is on": (
        {"confab_tools": ("web", "time"), "confab_default_tools": ("web_fetch",)},
        {"time": ["current_time"], "web": ["web_fetch", "web_search"]},
        {"web": ["web_fetch"]},
    ),
    "and nothing is on": (
        {"confab_tools": ("time",), "confab_default_tools": ("none",)},
        {"time": ["current_time"]},
        {},
    ),
}


@pytest.mark.parametrize(("values", "allowed", "defaults"), CHOSEN.values(), ids=CHOSEN)
def test_an_operator_says_what_may_be_chosen_and_what_is_on(values, allowed, defaults):
    registry = open_tools(chosen(**values), PROVIDERS)

    assert (registry.allowed_groups, registry.default_groups) == (allowed, defaults)


WRONG = {
    "a slip": ({"confab_tools": ("time", "wbe")}, NOT_THERE),
    "on and not allowed": ({"confab_default_tools": ("time", "web")}, NOT_ALLOWED),
    "none beside others": ({"confab_tools": ("none", "web")}, "CONFAB_TOOLS: `none` stands alone. These may be chosen"),
}


@pytest.mark.parametrize(("values", "sentence"), WRONG.values(), ids=WRONG)
async def test_a_name_that_there_is_not_stops_the_start_and_the_doctor_says_the_same(values, sentence):
    with pytest.raises(SettingsError) as raised:
        open_tools(chosen(**values), PROVIDERS)
    told = [one async for one in check_tools(chosen(**values), PROVIDERS)]

    variable, _, says = str(raised.value).partition(": ")
    assert str(raised.value).startswith(sentence)
    assert told == [TOOLS.problem(variable, says.rstrip("."), f"Mend {variable}; until then nothing starts.")]


HINT = "MCP servers are listed in a file, which CONFAB_MCP names: it is not set."


def test_a_name_that_may_be_a_server_of_mcp_is_told_where_these_are_listed():
    with pytest.raises(SettingsError, match=HINT):
        open_tools(chosen(confab_tools=("time", "github")), PROVIDERS)
    with pytest.raises(SettingsError) as listed:
        open_tools(replace(chosen(confab_tools=("github",)), servers=(McpServer("tickets"),)), PROVIDERS)
    with pytest.raises(SettingsError, match="Did you mean `time`") as slip:
        open_tools(chosen(confab_tools=("tiem",)), PROVIDERS)

    assert HINT not in str(listed.value)
    assert HINT not in str(slip.value)


async def test_the_doctor_tells_what_may_be_chosen_and_what_is_on():
    names = ("web", "time", "tickets", "shop")
    configuration = chosen(confab_tools=names, confab_default_tools=("time", "web_fetch"))
    providers = [*PROVIDERS, ProvidedTools({"shop": ("create_order", "look")})]
    told = [one async for one in check_tools(configuration, providers)]

    may = "shop (create_order, look), tickets, time (current_time), web (web_fetch, web_search)"
    off = "shop (create_order, look), tickets, web (web_search): a channel has them with `persona tune tools=...`"
    assert told == [
        TOOLS.ok("may be chosen", may),
        TOOLS.ok("on by default", "time (current_time), web (web_fetch)"),
        TOOLS.ok("off until chosen", off),
        TOOLS.ok("these ask first", "create_order"),
    ]
    assert [one.says async for one in check_tools(chosen(confab_tools=("none",)), PROVIDERS)] == ["none", "none"]
