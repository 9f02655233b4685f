"""MCP definitions: what a server says of its tools becomes definitions that the API takes. Pure; all of it is data."""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from core.domain.messages import clean_text
from core.domain.tools import ToolDefinition
from core.tools.mcp.settings import McpServer

LISTED = 1_000  # tools of one server that are looked at
TOOLS = 128  # of one server that are used
TOLD = 100_000  # bytes of all definitions of one server: more would fill a model's context by itself
NAME = 128  # characters, of ^[a-zA-Z0-9_-]{1,128}$
DESCRIPTION = 4_000  # bytes
SCHEMA = 20_000  # bytes
MARK = 7  # characters that tell names apart which are cut or cleaned to the same
PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")  # what the API takes as the name of an argument
COMBINED = ("oneOf", "anyOf", "allOf")  # which the API refuses at the top; the server itself holds to them
CUT = " [...]"
FRAME = 'A tool of the server "{}", which describes it so:\n{}'
DEPTH = 40  # of nested schemas
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
    known = {tool.name: tool for tool in itertools.islice(listed, LISTED)}
    marks = {tool.name: mark_tool(tool) for tool in known.values()}
    for one in sorted(known.values(), key=lambda tool: (_is_cleaned(server, tool.name), tool.name)):
        if not server.allows(one.name):
            continue
        schema = _normalize_schema(one.schema)
        if problem := next(_find_doubts(schema), ""):
            problems.append(f"{_show_name(one.name)} is left out: {problem}")
            continue
        name = name_tool(server, one.name)
        name = name if name not in tools else f"{name[: NAME - MARK]}_{_digest(one.name)[: MARK - 1]}"
        definition = _define_tool(server, name, one, schema)
        tools.setdefault(name, OfferedTool(one.name, definition, marks[one.name]))
    used = _select_first([tools[name] for name in sorted(tools)])
    if len(tools) > len(used):
        mend = "name those that matter in `tools`"
        problems.append(f"it has {len(tools)} tools, of which the first {len(used)} are used; {mend}")
    missing = sorted(((server.tools or frozenset()) | server.acts | server.denied) - known.keys())
    problems += [f"it has no tool {_show_name(one)}, which the file names" for one in missing]
    return Offer(used, tuple(problems), marks)


def _select_first(tools: Sequence[OfferedTool]) -> tuple[OfferedTool, ...]:
    """As many as a server may have, and a prompt has room for."""
    sizes = itertools.accumulate(tool.definition.tokens_bound for tool in tools)
    return tuple(tool for tool, size in zip(tools[:TOOLS], sizes, strict=False) if size <= TOLD)


def mark_tool(listed: ListedTool) -> str:
    """A mark of all that a server says of a tool; it begins with what it says that the tool does."""
    told = _digest([listed.name, listed.description, _normalize_schema(listed.schema)])
    return f"{READS if listed.reads_only else ACTS}{told}"


def _define_tool(server: McpServer, name: str, listed: ListedTool, schema: dict[str, Any]) -> ToolDefinition:
    body = {
        "name": name,
        "description": FRAME.format(server.name, _cut(clean_text(listed.description), DESCRIPTION)),
        "input_schema": schema,
    }
    return ToolDefinition(name, body, acts=listed.name in server.acts or not listed.reads_only)


def name_tool(server: McpServer, name: str) -> str:
    """The name under which people choose it and Claude calls it: in small letters, as all names of tools are."""
    return re.sub(r"[^a-z0-9_-]", "_", f"{server.name}__{name}".lower())[:NAME]


def _is_cleaned(server: McpServer, name: str) -> bool:
    """Whether it can't keep its own name, and makes way for one that can."""
    return name_tool(server, name) != f"{server.name}__{name}"


def _show_name(name: str) -> str:
    return repr(clean_text(name)[:60])


def _cut(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - len(CUT)].decode(errors="ignore") + CUT


def _digest(told: object) -> str:
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def _normalize_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with its keys in order, for servers list them in any; an object's, where it says nothing else."""
    kept = {name: value for name, value in schema.items() if name not in COMBINED}
    try:
        ordered: dict[str, Any] = json.loads(json.dumps({"type": "object", **kept}, sort_keys=True))
    except (ValueError, TypeError, RecursionError):
        return {}
    return ordered


def _find_doubts(schema: dict[str, Any]) -> Iterator[str]:
    """Why the API would refuse it, and with it the whole request. Each is looked for where none before it is found."""
    if schema.get("type") != "object":
        yield "the schema of its arguments is no object's"
    try:
        written = json.dumps(schema, allow_nan=False)
    except ValueError:
        yield "the schema of its arguments has numbers that JSON does not have"
        return
    if len(written) > SCHEMA:
        yield f"the schema of its arguments has more than {SCHEMA:,} bytes"
    if "\\u0000" in written:
        yield "the schema of its arguments has characters that no text has"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not all(PROPERTY.fullmatch(name) for name in properties):
        yield "an argument's name has other signs than letters, digits and _.-, or more than 64"
    if _measure_depth(schema) > DEPTH:
        yield "the schema of its arguments is nested too deeply"
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, re.error):
        yield "the schema of its arguments is no valid JSON Schema of 2020-12"
    if any(not _resolves(schema, target) for target in _find_references(schema)):
        yield "the schema of its arguments refers to what is not in it"


def _measure_depth(schema: object) -> int:
    """How deep it is nested, counted one level after the other."""
    level, depth = [schema], 0
    while level and depth <= DEPTH:
        depth += 1
        level = [inner for one in level for inner in _list_inner(one)]
    return depth


def _list_inner(value: object) -> Sequence[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


def _find_references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict) and isinstance(target := schema.get("$ref"), str):
        yield target
    for inner in _list_inner(schema):
        yield from _find_references(inner)


def _resolves(schema: object, reference: str) -> bool:
    """Whether a reference points into the schema itself."""
    if not re.fullmatch(r"#(?:/.*)?", reference):
        return False
    found = schema
    for part in reference.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            return False
    return True
