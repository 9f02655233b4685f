"""Refused tools: a request whose tools an API does not take, asked again with older ones or without them. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from core.domain.tools import bound_fetches
from core.prompting.request import Request

TYPES = {
    "web_search": ("web_search_20260318", "web_search_20260209", "web_search_20250305"),
    "code_execution": ("code_execution_20260521", "code_execution_20260120", "code_execution_20250825"),
    "web_fetch": ("web_fetch_20260318", "web_fetch_20260309", "web_fetch_20260209", "web_fetch_20250910"),
}
"""The types of each tool that Anthropic runs, the newest first. An older one takes what we set of a newer one."""
MENDS = {
    "web": "An admin of the organization switches it on in the Claude Console, under Settings, Privacy; then restart.",
}
"""What an operator can do where a tool is not taken, by the first word of its name."""

_PLACE = re.compile(r"\btools\.(\d{1,3})\b")  # how the API names a tool by its position
_ALL = re.compile(r"\btools: extra inputs|\b(?:not support|unsupported|no support for)\b.{0,20}\btools?(?! types)\b")


def simplify_tools(request: Request, complaint: str) -> Request | None:
    """The same request without what an API does not take of its tools; None if that is nothing of theirs.

    A tool that Anthropic runs has an older type then; where that is none, or is refused as well, it is left out, and so
    is one of ours whose definition is refused.
    """
    tools: list[Mapping[str, Any]] = request.body.get("tools") or []
    if "container" in complaint:  # of that it complains, not of the tool that it names
        return None
    if tools and _ALL.search(complaint.lower()):
        return _put_tools(request, [])
    for index in _find_refused(tools, complaint):
        simpler = _simplify(tools[index], complaint)
        return _put_tools(request, [*tools[:index], *([simpler] if simpler else []), *tools[index + 1 :]])
    return None


def names_hosted(complaint: str) -> bool:
    """Whether a complaint is about a tool that Anthropic runs, whichever others a request has."""
    return "container" not in complaint and any(_mentions(name, complaint) for name in TYPES)


def explain_left_out(request: Request, simpler: Request) -> str:
    """For the operator: which tools a request has no more, and what helps; empty where they only have older types."""
    left = {tool["name"] for tool in simpler.body.get("tools") or []}
    gone = [tool["name"] for tool in request.body.get("tools") or [] if tool["name"] not in left]
    mends = dict.fromkeys(MENDS[word] for name in gone if (word := name.partition("_")[0]) in MENDS)
    return " ".join([f"Answers go without {', '.join(gone)}.", *mends]) if gone else ""


def _find_refused(tools: list[Mapping[str, Any]], complaint: str) -> Iterator[int]:
    """The positions of those that a complaint names: by their names, for these hold in every request, else by place."""
    yield from (
        index for index, tool in enumerate(tools) if tool["name"] in TYPES and _mentions(tool["name"], complaint)
    )
    yield from (int(named[1]) for named in _PLACE.finditer(complaint) if int(named[1]) < len(tools))


def _mentions(name: str, complaint: str) -> bool:
    words = name.replace("_", "[ _-]?")
    return re.search(rf"{words}(?!_tool_result)", complaint.lower()) is not None


def _simplify(tool: Mapping[str, Any], complaint: str) -> Mapping[str, Any] | None:
    """A tool as an API may take it; None where nothing helps."""
    if "citations" in complaint and "citations" in tool:
        return {name: value for name, value in tool.items() if name != "citations"}
    types = TYPES.get(tool["name"], ())
    older = types[types.index(tool["type"]) + 1 :] if tool.get("type") in types else ()
    if older and tool["type"] in complaint:
        return {**tool, "type": next((one for one in older if one in complaint), older[-1])}
    return None


def _put_tools(request: Request, tools: list[Mapping[str, Any]]) -> Request:
    body = {name: value for name, value in request.body.items() if name != "tools"}
    bodies = {tool["name"]: tool for tool in tools}
    left = bound_fetches(replace(one, body=bodies[one.name]) for one in request.tools if one.name in bodies)
    return replace(request, body=body | {"tools": [dict(one.body) for one in left]} if left else body, tools=left)
