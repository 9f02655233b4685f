"""Tool use: which tools were called how often, and which of them people let act without being asked again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.billing.ledger_rows import Scope


@dataclass(frozen=True, slots=True)
class Grant:
    """A tool that acts for a person in a thread without asking again."""

    tool: str
    person: str
    thread: str
    at: datetime


class ToolUse(Protocol):
    """Each method is one unit of work."""

    async def list_grants(self, scope: Scope) -> Sequence[Grant]:
        """What a person lets tools do in a channel, or in a thread of it, the oldest first."""

    async def revoke_grants(self, scope: Scope, tool: str | None, by: str) -> Sequence[Grant]:
        """Take those of a tool, or all, back: what has not begun asks again. Those that there were."""

    async def count_calls(self, scope: Scope, since: datetime) -> Mapping[str, int]:
        """How often each of our tools was called since then; erased answers are not counted."""
