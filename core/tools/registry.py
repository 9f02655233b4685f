"""Tool registry: which tools there are, which of them an operator lets be chosen, and which a conversation gets."""

import asyncio
import difflib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from core.domain.errors import ConfabError
from core.domain.messages import ThreadKey
from core.store.protocols import Notes, Thread, Threads
from core.tools.tool import ConnectedProvider, Tool, ToolProvider, Unavailable

NONE = "none"  # chosen in place of names: no tool at all
ALL = "all"  # what people try for every tool
DEFAULT = "default"  # how a thread keeps the tools that it has where nobody chose any
MEANT = "Did you mean"  # begins what is suggested in place of a wrong name
FORBIDDEN = "The {} `{}` is not allowed here. Whoever runs Confab can add it to CONFAB_TOOLS."
WHOLE = (
    "`{}` can't be chosen by itself. `{}` can, with all its tools. Single ones can where whoever runs Confab lists "
    "them in the file of MCP servers: `tools = [...]`."
)
NEAR = 3  # names that are suggested in place of a wrong one
NAME = 40  # characters of a wrong name that are shown


class UnknownTool(ConfabError):
    """Somebody chose a tool that there is not, or that may not be chosen; the message says what may."""


class ToolRegistry:
    """The tools of all providers. `allowed` and `defaults` are names of tools and groups, or `none`.

    Without `allowed` ones, those may be chosen that cost and change nothing; without `defaults`, a conversation whose
    persona chooses none gets these, as far as they are allowed.
    """

    def __init__(
        self, providers: Sequence[ToolProvider] = (), allowed: Sequence[str] = (), defaults: Sequence[str] = ()
    ) -> None:
        self._providers = providers
        self._connected = [one for one in providers if isinstance(one, ConnectedProvider)]
        free = [name for provider in providers if provider.free for name in provider.groups]
        self._allowed = self._expand(allowed or free)
        self._defaults = self._expand(defaults or free) & self._allowed
        self._default_choice = ",".join(sorted({name.strip().lower() for name in defaults})) or DEFAULT

    @asynccontextmanager
    async def connect(self, notes: Notes) -> AsyncIterator[None]:
        """Let the providers that keep connections have tools while this lasts."""
        for provider in self._connected:
            provider.open(notes)
        try:
            yield
        finally:
            await asyncio.gather(*(provider.close() for provider in self._connected))

    async def wait_for_lists(self, key: ThreadKey, chosen: str | None) -> None:
        """Wait, as long as it takes, for what can't be had of a choice because its source is still being asked.

        What goes on after a restart may need a tool of a program that has to start first.
        """
        _, missing = await self.find_tools(key, chosen)
        if missing:
            await asyncio.gather(*(provider.wait_for_lists(key, missing) for provider in self._connected))

    @property
    def names(self) -> list[str]:
        """What may be chosen: groups of which anything is allowed, and their tools, in a fixed order."""
        return sorted({name for group, tools in self.allowed_groups.items() for name in (group, *tools)})

    @property
    def allowed_groups(self) -> Mapping[str, Sequence[str]]:
        """The groups of which anything may be chosen, each with those of its known tools that may."""
        return self._select_groups(self._allowed)

    @property
    def default_groups(self) -> Mapping[str, Sequence[str]]:
        """The groups, with their known tools, that a conversation has where nobody chose any."""
        return self._select_groups(self._defaults)

    def parse_choice(self, words: str) -> str:
        """The names in a list with commas, as a persona keeps them: in order and small. Raises UnknownTool."""
        chosen = sorted({word.strip().lower() for word in words.split(",") if word.strip()})
        if chosen == [NONE]:
            return NONE
        unknown = next((name for name in chosen if name not in self.names), None)
        if unknown is not None or not chosen:
            raise UnknownTool(f"{self._explain_unknown(unknown)} {self.describe_choice()}")
        return ",".join(chosen)

    def describe_choice(self) -> str:
        """What may be chosen, in a sentence."""
        groups = describe_groups(self.allowed_groups)
        return f"These may be chosen: {groups}; or `{NONE}`." if groups else "No tool may be chosen here."

    async def list_tools(
        self, thread: Thread, chosen: str | None, keep: Threads | None = None, *, private: bool = False
    ) -> tuple[Tool, ...]:
        """The tools of a conversation, by name, as a persona chose them, as far as they may still be used.

        It has those that it began with under the same choice, for each change of the list empties its prompt cache.
        The first list is kept in `keep`, unless a part of it can't be had just now. A `private` answer gets no tool
        that acts.
        """
        choice = self._default_choice if chosen is None else chosen
        found, missing = await self.find_tools(thread.key, chosen)
        kept = thread.tools.get(choice)
        if kept is None and keep is not None and not missing:
            kept = (await keep.remember_tools(thread.key, choice, sorted(found))).get(choice)
        names = sorted(found if kept is None else found.keys() & set(kept))
        return tuple(found[name] for name in names if not (private and found[name].definition.acts))

    async def find_tools(self, key: ThreadKey, chosen: str | None) -> tuple[Mapping[str, Tool], Mapping[str, str]]:
        """Those of a choice that a conversation may be given now; of which groups not all can be had, and why."""
        wanted = self._defaults if chosen is None else self._expand(chosen.split(","))
        found: dict[str, Tool] = {}
        missing: dict[str, str] = {}
        for provider in self._providers:
            groups = _read_groups([provider])
            if wanted.isdisjoint(name for group, tools in groups.items() for name in (group, *tools)):
                continue
            for one in await provider.list_tools(key):
                group = one.group.lower()
                names = {group, *(groups.get(group, ()) if isinstance(one, Unavailable) else [one.name.lower()])}
                if not (names & wanted and names & self._allowed):
                    continue
                if isinstance(one, Unavailable):
                    missing[group] = one.why
                else:
                    found.setdefault(one.name, one)
        return found, missing

    def _explain_unknown(self, name: str | None) -> str:
        if name is None:
            return "Name at least one tool."
        known = _read_groups(self._providers)
        server = name.partition("__")[0]
        if server != name and server in self.allowed_groups:
            return WHOLE.format(name[:NAME], server)
        if name in {one for group, tools in known.items() for one in (group, *tools)}:
            return FORBIDDEN.format("group" if name in known else "tool", name)
        if name == NONE:
            return f"`{NONE}` stands alone."
        if name == ALL:
            return f"There is no `{ALL}`: name each group that you want."
        near = difflib.get_close_matches(name, self.names, NEAR, 0.5)
        meant = f" {MEANT} {' or '.join(f'`{one}`' for one in near)}?" if near else ""
        if not near and (near := difflib.get_close_matches(name, known, 1)):
            meant = f" {MEANT} `{near[0]}`? {FORBIDDEN.format('group', near[0])}"
        return f"There is no tool `{name[:NAME]}`.{meant}"

    def _select_groups(self, names: frozenset[str]) -> Mapping[str, Sequence[str]]:
        """The groups of which any of these names is, each with those of its known tools that are."""
        groups = {group: sorted(names.intersection(tools)) for group, tools in _read_groups(self._providers).items()}
        return {group: groups[group] for group in sorted(groups) if groups[group] or group in names}

    def _expand(self, names: Iterable[str]) -> frozenset[str]:
        """The names, with the tools of those that are groups."""
        words, groups = {name.strip().lower() for name in names}, _read_groups(self._providers)
        return frozenset(words.union(*(groups.get(word, ()) for word in words)))


def _read_groups(providers: Iterable[ToolProvider]) -> dict[str, list[str]]:
    """The groups with their known tools, as people choose them: small."""
    groups: dict[str, list[str]] = {}
    for provider in providers:
        for group, tools in provider.groups.items():
            groups.setdefault(group.lower(), []).extend(tool.lower() for tool in tools)
    return groups


def describe_groups(groups: Mapping[str, Sequence[str]]) -> str:
    """Groups with their tools: `history` (read_thread, search_history), `tickets`."""
    return ", ".join(f"`{group}` ({', '.join(tools)})" if tools else f"`{group}`" for group, tools in groups.items())
