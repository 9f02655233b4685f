"""Tool: something Claude may use, how it is carried out, and the scope that one call of it sees."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from core.domain.clock import Clock
from core.domain.messages import Question, ThreadKey
from core.domain.platform import Surface
from core.domain.tools import ToolDefinition, ToolResult
from core.store.protocols import Notes, Store

SECONDS = 60.0  # that one call may take


@dataclass(frozen=True, slots=True)
class ToolScope:
    """What a call may see: the channel of the question that is answered, with the eyes of who asked."""

    question: Question
    surface: Surface
    store: Store
    clock: Clock
    find_zone: Callable[[], Awaitable[str]]
    """The asker's time zone, else the workspace's, as the tz database names it."""
    allowed_by: str = ""
    """Who let this call act, where a person was asked about it."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that Claude may be given. `run` carries a call out, where we do; it may raise CannotAnswer for Claude.

    `describe` says in a few words for people what a call with these arguments does: `searching this channel for "x"`.
    """

    definition: ToolDefinition
    group: str
    """What personas and operators call it together with its like: `web`, `history`, the name of an MCP server."""
    describe: Callable[[Mapping[str, Any]], str]
    run: Callable[[ToolScope, Mapping[str, Any]], Awaitable[ToolResult]] | None = None
    seconds: float = SECONDS
    """That one call may take; then it is ended, and Claude is told."""
    refuse: Callable[[Mapping[str, Any]], str] | None = None
    """What is wrong with arguments that can't be used, for Claude; empty for others. Nobody is asked then."""

    @property
    def name(self) -> str:
        return self.definition.name


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Stands in a list for the tools of a group that can't be had just now, or not all of them."""

    group: str
    why: str = "can't be had just now, or not all of it"
    """A clause for people, behind the group's name."""


class ToolProvider(Protocol):
    """A source of tools: those built in, Anthropic's, those of an MCP server."""

    @property
    def free(self) -> bool:
        """Whether they cost and change nothing: a persona has them unless it chooses others."""

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """The names of its groups, with those of their tools as far as they are known before anybody asks."""

    async def list_tools(self, key: ThreadKey) -> Sequence[Tool | Unavailable]:
        """Those that the conversation may be given. It raises nothing: what can't be had just now is Unavailable."""


@runtime_checkable
class ConnectedProvider(ToolProvider, Protocol):
    """A source of tools that keeps connections; it has tools between `open` and `close`."""

    def open(self, notes: Notes) -> None:
        """Begin: what is known of its servers is kept in these notes. Nothing is connected before it is needed."""

    async def wait_for_lists(self, key: ThreadKey, groups: Collection[str]) -> None:
        """Wait until those of these groups that are being asked for their tools have told them, or could not."""

    async def close(self) -> None:
        """End all connections."""
