"""MCP schemas: whether the API takes the schema of a tool's arguments, which is data of a server's. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it comes without types

LONGEST = 20_000  # bytes of one schema
DEPTH = 40  # of nested schemas
KEPT = 1_024  # schemas whose verdict is remembered: a list is read again every ten minutes, and seldom changes
PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")  # what the API takes as the name of an argument
COMBINED = ("oneOf", "anyOf", "allOf")  # which the API refuses at the top; the server itself holds to them
VOCABULARIES = "https://json-schema.org/draft/2020-12/{}"
DEFINED = "#/$defs/"
INVALID = "the schema of its arguments is no valid JSON Schema of 2020-12"


def normalize_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with its keys in order, for servers list them in any; an object's, where it says nothing else."""
    kept = {name: value for name, value in schema.items() if name not in COMBINED}
    try:
        ordered: dict[str, Any] = json.loads(json.dumps({"type": "object", **kept}, sort_keys=True))
    except (ValueError, TypeError, RecursionError):
        return {}
    return ordered


def find_doubts(schema: dict[str, Any]) -> Iterator[str]:
    """Why the API would refuse it, and with it the whole request, as far as a short look shows.

    Each is looked for where none before it is found. Whether it is a JSON Schema at all takes `is_json_schema` longer.
    """
    if schema.get("type") != "object":
        yield "the schema of its arguments is no object's"
    try:
        written = json.dumps(schema, allow_nan=False)
    except ValueError:
        yield "the schema of its arguments has numbers that JSON does not have"
        return
    if len(written) > LONGEST:
        yield f"the schema of its arguments has more than {LONGEST:,} bytes"
    if "\\u0000" in written:
        yield "the schema of its arguments has characters that no text has"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not all(PROPERTY.fullmatch(name) for name in properties):
        yield "an argument's name has other signs than letters, digits and _.-, or more than 64"
    if _measure_depth(schema) > DEPTH:
        yield "the schema of its arguments is nested too deeply"
    if any(not _resolves(schema, target) for target in _find_references(schema)):
        yield "the schema of its arguments refers to what is not in it"


def is_json_schema(schema: Mapping[str, Any]) -> bool:
    """Whether it is a JSON Schema of 2020-12. It takes about a millisecond for 1,500 bytes that are new."""
    return _is_json_schema(json.dumps(schema))


@lru_cache(KEPT)
def _is_json_schema(written: str) -> bool:
    try:
        return bool(_make_validator().is_valid(json.loads(written)))
    except (re.error, OverflowError, RecursionError):  # what a pattern can make of Python's
        return False


@cache
def _make_validator() -> Draft202012Validator:
    """A validator of schemas that looks at each part of one once.

    The schema of schemas is given as eight vocabularies, each of which looks at every part again: that takes eight
    times as long. Here they are one, and what they define stands where they refer to it.
    """
    whole = Draft202012Validator.META_SCHEMA
    parts = [REGISTRY.contents(VOCABULARIES.format(part["$ref"])) for part in whole["allOf"]] + [whole]
    defined = {name: one for part in parts for name, one in part.get("$defs", {}).items()}
    properties = {name: _insert(one, defined) for part in parts for name, one in part.get("properties", {}).items()}
    merged = {"$schema": whole["$schema"], "type": whole["type"], "properties": properties}
    return Draft202012Validator(merged, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _insert(part: Any, defined: Mapping[str, Any]) -> Any:
    """A part of the schema of schemas with what it refers to in the place of the reference."""
    if isinstance(part, list):
        return [_insert(one, defined) for one in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("$dynamicRef"), str):
        return {"$ref": "#"}
    if isinstance(reference := part.get("$ref"), str):
        beside = {name: one for name, one in part.items() if name != "$ref"}
        return {**_insert(defined[reference.rpartition(DEFINED)[2]], defined), **beside}
    return {name: _insert(one, defined) for name, one in part.items()}


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
