"""A desk: tools of a third party that read what was planted on it, and tools that act, which nobody may use unasked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

from core.domain.errors import CannotAnswer
from core.tools.builtin import BuiltinTools
from core.tools.entry_points import GROUP, InstalledTools, load_installed_tools
from core.tools.functions import tool
from core.tools.registry import ToolRegistry
from core.tools.tool import ToolScope


@dataclass
class Desk:
    """`pages` are what its tools bring, or raise; `acted` is what was done: the tool, the thread and the arguments."""

    pages: dict[str, str | BaseException] = field(default_factory=dict)
    acted: list[tuple[str, str, object]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    more: list[Callable[..., Any]] = field(default_factory=list)
    about: str = ""
    """What the description of the tool that reads says besides."""

    def list_functions(self) -> list[Callable[..., Any]]:
        """The tools: of the group `desk`, and of `till` and `safe`, which not everybody is given."""

        @tool(acts=False, group="desk")
        async def read_page(name: str) -> str:
            """Read a page."""
            self.read.append(name)
            found = self.pages.get(name, "")
            if isinstance(found, BaseException):
                raise found
            return found

        @tool(acts=True, group="desk", describe=lambda given: f"sending money to {given.get('to')}")
        async def wire(
            scope: ToolScope, to: str, amount: int = 1, note: str | list[str] = "", memo: str | list[str] = ""
        ) -> str:
            """Send money."""
            self.acted.append(("wire", scope.question.key.thread, (to, amount)))
            return f"{amount} sent to {to}."

        @tool(acts=True, group="desk")
        async def shred(scope: ToolScope, what: str = "") -> str:
            """Shred papers."""
            self.acted.append(("shred", scope.question.key.thread, what))
            return "Shredded."

        @tool(acts=True, group="till")
        async def empty_till(scope: ToolScope) -> str:
            """Empty the till. Nobody has chosen it."""
            self.acted.append(("empty_till", scope.question.key.thread, ""))
            return "Emptied."

        @tool(acts=False, group="safe")
        async def open_safe(scope: ToolScope) -> str:
            """Open the safe. The operator allows it nowhere."""
            self.acted.append(("open_safe", scope.question.key.thread, ""))
            return "Opened."

        read_page.__doc__ = f"Read a page. {self.about}"
        return [read_page, wire, shred, empty_till, open_safe, *self.more]

    @property
    def registry(self) -> ToolRegistry:
        """The tools that come built in, and those of the desk as a package installs them."""
        names = ["history", "files", "time", "desk"]
        return ToolRegistry([BuiltinTools(), self.install()], [*names, "till"], names)

    def install(self) -> InstalledTools:
        return load_installed_tools([_Point("desk", "tests.support.desk", GROUP).lead_to(self.list_functions())])


class _Point(EntryPoint):
    """An entry point that leads to these functions, whatever is installed here."""

    def lead_to(self, functions: list[Callable[..., Any]]) -> "_Point":
        vars(self)["functions"] = functions
        return self

    def load(self) -> Any:
        return vars(self)["functions"]


def refuse(why: str) -> CannotAnswer:
    """What a tool raises to tell Claude why it did not do something."""
    return CannotAnswer(why)
