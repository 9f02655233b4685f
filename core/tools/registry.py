"""Tool registry: which tools there are, which of them an operator lets be chosen, and which a conversation gets."""

from collections.abc import Iterable, Mapping, Sequence

from core.domain.errors import ConfabError
from core.domain.messages import ThreadKey
from core.tools.tool import Tool, ToolProvider

NONE = "none"  # chosen in place of names: no tool at all


class UnknownTool(ConfabError):
    """Somebody chose a tool that there is not, or that may not be chosen; the message says what may."""


class ToolRegistry:
    """The tools of all providers. `allowed` and `defaults` are names of tools and groups.

    Without `allowed` ones, those may be chosen that cost and change nothing; without `defaults`, a conversation whose
    persona chooses none gets these, as far as they are allowed.
    """

    def __init__(
        self, providers: Sequence[ToolProvider] = (), allowed: Sequence[str] = (), defaults: Sequence[str] = ()
    ) -> None:
        self._providers = providers
        free = [name for provider in providers if provider.free for name in provider.groups]
        self._allowed = self._expand(allowed or free)
        self._defaults = self._expand(defaults or free) & self._allowed

    @property
    def names(self) -> list[str]:
        """What may be chosen: groups of which anything is allowed, and their tools, in a fixed order."""
        groups = self._list_groups()
        found = {name for group, tools in groups.items() for name in (group, *tools) if self._is_allowed(group, name)}
        return sorted(found)

    def parse_choice(self, words: str) -> frozenset[str]:
        """The names in a list with commas, as a persona has it. Raises UnknownTool."""
        chosen = {word.strip().lower() for word in words.split(",") if word.strip()} - {NONE}
        unknown = sorted(chosen - set(self.names))
        if unknown:
            may = ", ".join(f"`{name}`" for name in self.names) or "none"
            raise UnknownTool(f"There is no tool `{unknown[0]}` that may be used here. These may: {may}.")
        return frozenset(chosen)

    async def list_tools(self, key: ThreadKey, chosen: str | None) -> tuple[Tool, ...]:
        """The tools of a conversation, by name, as a persona chose them, as far as they may still be used."""
        wanted = self._defaults if chosen is None else self._expand(chosen.split(","))
        found: dict[str, Tool] = {}
        for provider in self._providers:
            if self._wants(provider, wanted):
                for tool in await provider.list_tools(key):
                    if {tool.name, tool.group} & wanted and {tool.name, tool.group} & self._allowed:
                        found.setdefault(tool.name, tool)
        return tuple(found[name] for name in sorted(found))

    def _wants(self, provider: ToolProvider, wanted: frozenset[str]) -> bool:
        return any({group, *tools} & wanted for group, tools in provider.groups.items())

    def _list_groups(self) -> Mapping[str, Sequence[str]]:
        return {group: tools for provider in self._providers for group, tools in provider.groups.items()}

    def _is_allowed(self, group: str, name: str) -> bool:
        return bool({group, name} & self._allowed) or (
            name == group and not self._tools_of(group).isdisjoint(self._allowed)
        )

    def _tools_of(self, group: str) -> frozenset[str]:
        return frozenset(self._list_groups().get(group, ()))

    def _expand(self, names: Iterable[str]) -> frozenset[str]:
        """The names, with the tools of those that are groups."""
        words = {name.strip().lower() for name in names}
        return frozenset(words.union(*(self._tools_of(word) for word in words)))
