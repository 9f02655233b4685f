"""Tools of third parties: Python entry points of the group `confab.tools`, loaded once at the start."""

import inspect
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from core.domain.content import Image, Text
from core.domain.errors import CannotAnswer
from core.domain.messages import ThreadKey
from core.domain.tools import ToolResult, fail_call
from core.domain.wording import fold_lines
from core.prompting.activities import clean_words
from core.tools.builtin import BuiltinTools, group_names
from core.tools.framing import frame_data
from core.tools.functions import MARK, NAME, UnfitFunction, build_tool, read_result
from core.tools.notes import NoteTools
from core.tools.pictures import IMAGES, read_picture
from core.tools.tool import Tool, ToolScope

GROUP = "confab.tools"
RESERVED = frozenset({"web", "web_search", "web_fetch", "code", "code_execution", "none", "default", "all"})

log = logging.getLogger(__name__)

REASON = 300  # characters of what a stranger's module says
PROBLEM = "the tools of the entry point {} ({}) can't be used: {}"


@dataclass(frozen=True, slots=True)
class InstalledTools:
    """Tools of packages that the operator installed beside Confab. None of them is given before it is allowed."""

    tools: Sequence[Tool] = ()
    problems: Sequence[str] = ()
    """Entry points whose tools can't be used, with why, for the operator."""
    free = False

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        return group_names(self.tools)

    async def list_tools(self, key: ThreadKey) -> Sequence[Tool]:
        return self.tools


def load_installed_tools(found: Iterable[EntryPoint] | None = None, taken: Collection[str] = ()) -> InstalledTools:
    """The tools of all entry points, or of those that were `found`. It raises nothing; what is wrong is logged.

    No tool and no group has a name of those that come with Confab, or of what is `taken`, such as MCP servers. Of an
    entry point all tools are taken, or none.
    """
    builtin = {**BuiltinTools().groups, **NoteTools().groups}
    names = {*RESERVED, *taken, *builtin, *(name for tools in builtin.values() for name in tools)}
    tools: list[Tool] = []
    problems: list[str] = []
    points = entry_points(group=GROUP) if found is None else found
    for point in sorted(points, key=lambda one: (one.name, one.value)):
        try:
            made = [_fit_tool(function, point.name) for function in _list_functions(point.load())]
            _ensure_free(made, names, tools)
        except UnfitFunction as unfit:
            problems.append(PROBLEM.format(point.name, point.value, unfit))
        except BaseException as error:  # whatever a stranger's module does when it is imported
            reason = f"{type(error).__name__}: {fold_lines(str(error))[:REASON]}"
            problems.append(PROBLEM.format(point.name, point.value, reason))
        else:
            tools += made
    for problem in problems:
        log.warning("%s", problem)
    return InstalledTools(tuple(tools), tuple(problems))


def _list_functions(loaded: Any) -> Sequence[Callable[..., Any]]:
    """The functions that an entry point means: itself, those in a list, or the marked ones of a module or an object."""
    if inspect.isroutine(loaded):
        return [loaded]
    if isinstance(loaded, list | tuple):
        return loaded
    marked = [one for _, one in inspect.getmembers(loaded, inspect.isroutine) if hasattr(one, MARK)]
    if not marked:
        raise UnfitFunction("it is no function, no list of them, and has none with the decorator `tool`")
    return marked


def _fit_tool(function: Callable[..., Any], group: str) -> Tool:
    """The tool of a function. What it returns, and raises for Claude, is data; a picture is its bytes."""
    built = build_tool(function, group, _read_as_data)
    carry_out = built.run
    assert carry_out is not None

    async def run(scope: ToolScope, arguments: Mapping[str, Any]) -> ToolResult:
        try:
            return await _read_pictures(await carry_out(scope, arguments))
        except CannotAnswer as error:
            return fail_call(frame_data(f"{built.name} failed.", str(error)))

    def describe(arguments: Mapping[str, Any]) -> str:
        try:
            return clean_words(built.describe(arguments)) or built.name
        except BaseException:  # whatever a stranger's function makes of arguments that fit no schema
            return f"using {built.name}"

    return replace(built, run=run, describe=describe)


def _read_as_data(name: str, returned: Any) -> ToolResult:
    """The result of a function: its texts are data, and stand before all else."""
    result = read_result(name, returned)
    words = "\n".join(part.text for part in result.content if isinstance(part, Text))
    others = [part for part in result.content if not isinstance(part, Text)]
    told = [Text(frame_data(f"What {name} returned.", words))] if words else []
    return replace(result, content=(*told, *others))


async def _read_pictures(result: ToolResult) -> ToolResult:
    """The same with its pictures as Claude is shown them, as many as one result holds."""
    shown = [part for part in result.content if isinstance(part, Image)][:IMAGES]
    read = {id(part): await read_picture(part.data) for part in shown}
    return replace(result, content=tuple(read.get(id(part), part) for part in result.content))


def _ensure_free(made: Sequence[Tool], names: Collection[str], others: Sequence[Tool]) -> None:
    """Raises UnfitFunction for a name that others have, or that can't be written where tools are chosen.

    Who allows a group allows what is in it: so nothing else has its name, and no tool's name is one.
    """
    told = [one.name for one in made]
    taken = {*names, *(one.name for one in others)}
    groups = {one.group for one in others}
    for one in made:
        if one.name in taken | groups or told.count(one.name) > 1:
            raise UnfitFunction(f"there is another tool or group `{one.name}`")
        if one.group in taken or not NAME.fullmatch(one.group):
            raise UnfitFunction(f"its tool `{one.name}` can't be in a group `{one.group[:80]}`")
