"""JSON Schemas of structured output, as far as the Messages API takes them, and the least that each one allows."""

from collections.abc import Iterator
from typing import Any

from tests.fakes.claude.refused import Refused

DEFINITIONS = "#/$defs/"
WORDS = {"description", "title", "default"}
"""What says something of a value and binds nothing."""
TAKEN: dict[str, set[str]] = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems"},
    "string": {"format"},
    "integer": set(),
    "number": set(),
    "boolean": set(),
    "null": set(),
}
"""What may stand beside each type."""
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
LEAST: dict[str, Any] = {"array": [], "string": "", "integer": 0, "number": 0, "boolean": False, "null": None}


def check(schema: dict[str, Any], where: str = "output_config.format.schema") -> None:
    """Raise 400 for a schema that the API does not take."""
    definitions = schema.get("$defs", {})
    for part in (schema, *definitions.values()):
        _check_part(part, definitions, where)
    for name in definitions:
        _check_circle(name, definitions, (), where)


def compose(schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> Any:
    """The least that a schema allows: empty texts, zeros, and the first of what may be chosen."""
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    if name := schema.get("$ref"):
        return compose(definitions[name.removeprefix(DEFINITIONS)], definitions)
    if choices := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return choices[0]
    if variants := schema.get("anyOf") or schema.get("allOf"):
        return compose(variants[0], definitions)
    if schema["type"] == "object":
        wanted = schema.get("required", [])
        return {name: compose(part, definitions) for name, part in schema["properties"].items() if name in wanted}
    if schema["type"] == "array" and schema.get("minItems"):
        return [compose(schema["items"], definitions)]
    return LEAST[schema["type"]]


def _check_part(part: Any, definitions: dict[str, Any], where: str) -> None:
    if not isinstance(part, dict):
        raise Refused(f"{where}: Input should be a valid dictionary")
    name = part.get("$ref")
    if name is not None and (not name.startswith(DEFINITIONS) or name.removeprefix(DEFINITIONS) not in definitions):
        raise Refused(f"{where}: reference '{name}' can't be resolved; external references are not supported")
    if not {"$ref", "type", "anyOf", "allOf", "enum", "const"} & set(part):
        raise Refused(f"{where}: Schema must have a 'type', '$ref', 'anyOf', 'allOf', 'enum' or 'const'")
    if kind := part.get("type"):
        _check_type(part, kind, where)
    if any(isinstance(one, dict | list) for one in part.get("enum", [])):
        raise Refused(f"{where}: enum values must be strings, numbers, booleans or null")
    for inner in _list_parts(part):
        _check_part(inner, definitions, where)


def _check_type(part: dict[str, Any], kind: str, where: str) -> None:
    if kind not in TAKEN:
        raise Refused(f"{where}: type '{kind}' is not supported")
    if kind == "object" and part.get("additionalProperties") is not False:
        raise Refused(f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    odd = sorted(set(part) - WORDS - TAKEN[kind] - {"type", "enum", "const", "anyOf", "allOf", "$defs"})
    if odd:
        raise Refused(f"{where}: For '{kind}' type, properties {', '.join(odd)} are not supported")
    if kind == "array" and part.get("minItems", 0) not in {0, 1}:
        raise Refused(f"{where}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    if part.get("format", "uri") not in FORMATS:
        raise Refused(f"{where}: string format '{part['format']}' is not supported")


def _list_parts(part: dict[str, Any]) -> Iterator[Any]:
    """The schemas that one is made of, without its definitions."""
    yield from part.get("properties", {}).values()
    yield from part.get("anyOf", [])
    yield from part.get("allOf", [])
    if "items" in part:
        yield part["items"]


def _check_circle(name: str, definitions: dict[str, Any], above: tuple[str, ...], where: str) -> None:
    if name in above:
        raise Refused(f"{where}: Circular reference detected in schema definitions: {' -> '.join((*above, name))}")
    for found in _list_references(definitions[name]):
        _check_circle(found, definitions, (*above, name), where)


def _list_references(part: Any) -> Iterator[str]:
    if "$ref" in part:
        yield part["$ref"].removeprefix(DEFINITIONS)
    for inner in _list_parts(part):
        yield from _list_references(inner)
