"""MCP definitions: what a server says of its tools becomes definitions that the API takes. Pure; all of it is data."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from core.domain.messages import clean_text
from core.domain.tools import ToolDefinition
from core.tools.mcp.schemas import INVALID, find_doubts, is_json_schema, normalize_schema
from core.tools.mcp.settings import McpServer

LISTED = 1_000  # tools of one server that are looked at
TOOLS = 128  # of one server that are used
TOLD = 100_000  # bytes of all definitions of one server: more would fill a model's context by itself
NAME = 128  # characters, of ^[a-zA-Z0-9_-]{1,128}$
DESCRIPTION = 4_000  # bytes
MARK = 8  # characters of a mark of its own that a name has which is not the server's: it goes to no other tool
CUT = " [...]"
FRAME = 'A tool of the server "{}", which describes it so:\n{}'
_UNFIT = re.compile(r"[^a-z0-9_-]")
_MARKED = re.compile(rf"_[0-9a-f]{{{MARK}}}\Z")
READS, ACTS = "reads:", "acts:"  # how a mark begins


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server lists it. `reads_only` is the server's word."""

    name: str
    description: str
    schema: Mapping[str, Any]
    reads_only: bool = False


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool that Claude may be told of. `name` is the server's."""

    name: str
    definition: ToolDefinition
    mark: str
    """It changes with all that the server says of it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers, by name, and what is wrong with the rest: a clause each, for the operator."""

    tools: tuple[OfferedTool, ...] = ()
    problems: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    """Of all that it lists, allowed or not, by the server's names."""


def build_offer(server: McpServer, listed: Iterable[ListedTool]) -> Offer:
    """The tools of a listing that an operator allows and the API takes: the same bytes for the same listing."""
    tools: dict[str, OfferedTool] = {}
    problems: list[str] = []
    everything = sorted(listed, key=lambda tool: not server.allows(tool.name))
    known = {tool.name: tool for tool in everything[:LISTED]}
    marks = {tool.name: mark_tool(tool) for tool in known.values()}
    for one in sorted(known.values(), key=lambda tool: tool.name):
        if not server.allows(one.name):
            continue
        schema = normalize_schema(one.schema)
        if problem := next(find_doubts(schema), ""):
            problems.append(_describe_doubt(server, one.name, problem))
            continue
        name = name_tool(server, one.name)
        definition = _define_tool(server, name, one, schema)
        tools.setdefault(name, OfferedTool(one.name, definition, marks[one.name]))
    used, invalid = _select_first([tools[name] for name in sorted(tools)])
    problems += [_describe_doubt(server, one.name, INVALID) for one in invalid]
    if len(tools) > len(used) + len(invalid):
        whole = f"{len(tools) - len(invalid)} tools" if len(everything) <= LISTED else f"more than {LISTED:,} tools"
        problems.append(f"it has {whole}, of which the first {len(used)} are used; name those that matter in `tools`")
    missing = sorted(((server.tools or frozenset()) | server.acts | server.denied) - {one.name for one in everything})
    problems += [f"it has no tool {_show_name(server, one)}, which the file names" for one in missing]
    return Offer(used, tuple(problems), marks)


def _select_first(tools: Sequence[OfferedTool]) -> tuple[tuple[OfferedTool, ...], Sequence[OfferedTool]]:
    """As many as a server may have and a prompt has room for; and those before them whose schema is none.

    What comes behind is not looked at: checking schemas takes long, and a server may list any number of them.
    """
    used: list[OfferedTool] = []
    invalid: list[OfferedTool] = []
    size = wasted = 0
    for tool in tools:
        bound = tool.definition.tokens_bound
        if len(used) == TOOLS or size + bound > TOLD or wasted > TOLD:
            break
        if is_json_schema(tool.definition.body["input_schema"]):
            used.append(tool)
            size += bound
        else:
            invalid.append(tool)
            wasted += bound
    return tuple(used), invalid


def _describe_doubt(server: McpServer, name: str, problem: str) -> str:
    return f"{_show_name(server, name)} is left out: {problem}"


def mark_tool(listed: ListedTool) -> str:
    """A mark of all that a server says of a tool; it begins with what it says that the tool does."""
    told = _digest([listed.name, listed.description, normalize_schema(listed.schema)])
    return f"{READS if listed.reads_only else ACTS}{told}"


def _define_tool(server: McpServer, name: str, listed: ListedTool, schema: dict[str, Any]) -> ToolDefinition:
    body = {
        "name": name,
        "description": FRAME.format(
            server.name, _cut(server.hide_secrets(clean_text(listed.description)), DESCRIPTION)
        ),
        "input_schema": _hide_in_schema(server, schema),
    }
    return ToolDefinition(name, body, acts=listed.name in server.acts or not listed.reads_only)


def _hide_in_schema(server: McpServer, schema: dict[str, Any]) -> dict[str, Any]:
    written = json.dumps(schema, ensure_ascii=False)
    hidden = server.hide_secrets(written)
    if hidden == written:
        return schema
    told: dict[str, Any] = json.loads(hidden)
    return told


def name_tool(server: McpServer, name: str) -> str:
    """The name under which people choose it and Claude calls it: in small letters, as all names of tools are.

    It depends on nothing else that is listed, so what is allowed under a name is allowed for this tool alone. One that
    is cut or cleaned has a mark of the server's own name for it, and so has one that looks as if it had.
    """
    own = f"{server.name}__{name}"
    cleaned = _UNFIT.sub("_", own.lower())[: NAME - MARK - 1]
    return own if own == cleaned and not _MARKED.search(own) else f"{cleaned}_{_digest(name)[:MARK]}"


def _show_name(server: McpServer, name: str) -> str:
    return repr(server.hide_secrets(clean_text(name))[:60])


def _cut(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - len(CUT)].decode(errors="ignore") + CUT


def _digest(told: object) -> str:
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
