"""A shed of tools for tests: one that reads, one that acts, and Claude's calls of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.domain.content import Text
from core.domain.messages import ThreadKey
from core.domain.tools import ToolDefinition, ToolResult
from core.tools.registry import ToolRegistry
from core.tools.tool import Tool, ToolScope
from tests.fakes.claude.script import Answer, Gate


@dataclass
class Shed:
    """A provider of two tools: `look` reads, `make` acts. Each call is written down; `gate` holds a call back."""

    seconds: float = 5.0
    called: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    gate: Gate | None = None
    free = True
    groups: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"shed": ("look", "make")})

    async def list_tools(self, key: ThreadKey) -> list[Tool]:
        return [self._make("look", acts=False), self._make("make", acts=True)]

    def _make(self, name: str, *, acts: bool) -> Tool:
        async def run(scope: ToolScope, arguments: Mapping[str, Any]) -> ToolResult:
            self.called.append((name, arguments))
            brought = f"{name} brought {len(self.called)}"
            if self.gate:
                self.gate.reached.set()
                await self.gate.opened.wait()
            return ToolResult((Text(brought),))

        body = {"name": name, "description": f"To {name}.", "input_schema": {"type": "object"}}
        return Tool(
            ToolDefinition(name, body, acts=acts),
            "shed",
            lambda given: f"to {name} {given.get('what', '')}",
            run,
            self.seconds,
        )


def use(tool: str, number: int = 1, **arguments: object) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": tool, "input": arguments}


def nest(levels: int, kind: type = list) -> dict[str, Any]:
    """Arguments of so many lists or objects within each other, themselves counted."""
    given: object = 1
    for _ in range(levels - 1):
        given = [2, given] if kind is list else {"b": 2, "a": given}
    return {"a": given}


def call(*used: dict[str, Any], text: str = "") -> Answer:
    return Answer(text=text, blocks=used, stop_reason="tool_use")


def in_shed(shed: Shed) -> ToolRegistry:
    return ToolRegistry([shed])
