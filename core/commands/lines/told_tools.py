"""What is said of a persona's tools: which Claude has, which ask first or cost something, which could be chosen."""

from collections.abc import Iterable, Sequence

from core.commands.craft.persona_changes import write_setting
from core.domain.messages import ThreadKey
from core.domain.personas import Persona, list_settings
from core.tools.registry import ToolRegistry, describe_groups
from core.tools.tool import Tool

FEE = " at a price beside its tokens"


async def describe_tools(registry: ToolRegistry, key: ThreadKey, persona: Persona) -> list[str]:
    """What Claude may use here, and what else may be chosen, in paragraphs; none where there are no tools at all."""
    if not registry.names:
        return []
    found, missing = await registry.find_tools(key, persona.tools)
    held: dict[str, list[Tool]] = {}
    for _, tool in sorted(found.items()):
        held.setdefault(tool.group, []).append(tool)
    groups = [_describe_group(group, held[group]) for group in sorted(held)]
    none = [] if missing else ["Claude has no tools here."]
    told = [f"Claude may use {'; '.join(groups)}."] if groups else none
    told += [f"`{group}` {why}." for group, why in sorted(missing.items())]
    others = {group: names for group, names in registry.allowed_groups.items() if group not in {*held, *missing}}
    more = f"More may be chosen with `persona tune tools=...`: {describe_groups(others)}."
    return [" ".join(told), *([more] if others else [])]


def _describe_group(group: str, tools: Sequence[Tool]) -> str:
    acting = [tool.name for tool in tools if tool.definition.acts]
    asks = f", asking first before {', '.join(acting)}" if acting else ""
    priced = [tool.name for tool in tools if tool.definition.priced]
    costs = FEE if len(priced) == len(tools) else f", {' and '.join(priced)}{FEE}" if priced else ""
    return f"{describe_groups({group: [tool.name for tool in tools]})}{asks}{costs}"


def describe_taken_back(before: Persona, cleared: Iterable[str], where: str) -> str:
    """What a persona had of its own until now, of the settings that were given back to the wider place."""
    had = list_settings(before)
    taken = [f"{name} {write_setting(had[name])}" for name in sorted(cleared) if name in had]
    none = [name for name in sorted(cleared) if name not in had]
    told = [f" Taken back: {', '.join(taken)}."] if taken else []
    told += [f" {where} had no {' and no '.join(none)} of its own."] if none else []
    return "".join(told)
