"""Tools that a test provides: nothing is behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.domain.messages import ThreadKey
from core.domain.tools import ToolDefinition
from core.tools.tool import Tool, Unavailable


@dataclass(frozen=True)
class ProvidedTools:
    """Tools of these groups; those of a group without names are `more`. Those of `down` can't be had just now.

    What has `create` in its name acts. `hosted` ones are Anthropic's, and of `capability`.
    """

    groups: Mapping[str, Sequence[str]]
    free: bool = False
    hosted: bool = False
    capability: str = ""
    more: Sequence[str] = ()
    down: Sequence[str] = ()

    async def list_tools(self, key: ThreadKey) -> list[Tool | Unavailable]:
        up = {group: names for group, names in self.groups.items() if group not in self.down}
        found = [self._make(name, group) for group, names in up.items() for name in names or self.more]
        return [*found, *map(Unavailable, self.down)]

    def _make(self, name: str, group: str) -> Tool:
        body: dict[str, Any] = {"name": name, "description": f"Does {name}.", "input_schema": {"type": "object"}}
        if self.hosted:
            body = {"type": f"{name}_20260318", "name": name}
        definition = ToolDefinition(name, body, acts="create" in name, capability=self.capability)
        return Tool(definition, group, lambda arguments: name)
