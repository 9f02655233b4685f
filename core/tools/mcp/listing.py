"""MCP listing: the tools of a page of a server's list, read in slices, so that all else has its time on the loop."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
from pydantic import ValidationError

from core.tools.mcp.definitions import LISTED, ListedTool

SLICE = 50  # tools that are read before others have their turn: about two milliseconds
MIRRORED = "x-mcp-header"  # in a schema: the SDK has to know the tool, whose arguments it repeats in headers
MOST_MIRRORED = 64  # tools of a page of which the SDK is told: it reads all of them in one go
MALFORMED = 20  # names of tools in a form that is none which are kept
NAME = 1_000  # characters of such a name
PAGE = "confab/page"  # in a result's `_meta`: under which number the tools of the page were kept
PAGES_KEPT = 4  # that nobody has taken; a server may send any number of them unasked


@dataclass(slots=True)
class ListedPages:
    """The tools of a session's pages between the transport, which reads them, and whoever asked for the list.

    The SDK looks at each tool of a page five times, all in one go. So it is shown a page without them, and with a
    number in their place.
    """

    malformed: set[str] = field(default_factory=set)
    """The first names of tools that were listed in a form that is none."""
    _pages: dict[int, Sequence[ListedTool]] = field(default_factory=dict)
    _number: int = 0

    async def keep_page(self, result: dict[str, Any]) -> None:
        """Read the tools of a result, and leave in it what the SDK has to see."""
        tools, mirrored = await self._read_tools(result["tools"])
        self._number += 1
        self._pages[self._number] = tools
        self._pages.pop(self._number - PAGES_KEPT, None)
        result["tools"], result["_meta"] = mirrored, {PAGE: self._number}

    def take_page(self, page: types.ListToolsResult) -> Sequence[ListedTool]:
        """The tools of a page, without those that the SDK has dropped of it."""
        given = {tool.name for tool in page.tools}
        tools = self._pages.pop((page.meta or {}).get(PAGE, 0), ())
        return [one for one in tools if one.name in given or not _is_mirrored(one.schema)]

    async def _read_tools(self, listed: Sequence[object]) -> tuple[Sequence[ListedTool], list[dict[str, Any]]]:
        """Hardly more than are looked at; and those of them of which the SDK has to know, as they came.

        The SDK would refuse a list in which one tool is malformed: here that tool alone is left out.
        """
        found: list[ListedTool] = []
        mirrored: list[dict[str, Any]] = []
        for number, one in enumerate(listed[: LISTED + 1]):
            if number and number % SLICE == 0:
                await asyncio.sleep(0)
            if not (isinstance(one, dict) and isinstance(one.get("name"), str)):
                continue
            tool = _read_tool(one)
            if tool is None:
                if len(self.malformed) < MALFORMED:
                    self.malformed.add(one["name"][:NAME])
                continue
            found.append(tool)
            if len(mirrored) < MOST_MIRRORED and _is_mirrored(tool.schema):
                mirrored.append(one)
        return found, mirrored


def _read_tool(listed: Mapping[str, Any]) -> ListedTool | None:
    """A tool as it was listed; None where that is no definition of one."""
    schema = listed.get("inputSchema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return None
    try:
        tool = types.Tool.model_validate(listed, by_name=False)
        hints = tool.annotations
        return ListedTool(tool.name, tool.description or tool.title or "", schema, bool(hints and hints.read_only_hint))
    except (ValidationError, RecursionError):
        return None


def _is_mirrored(schema: Mapping[str, Any]) -> bool:
    """Whether any of its arguments is repeated in a header; as far as its text shows, which no schema escapes."""
    try:
        return MIRRORED in json.dumps(schema)
    except (ValueError, RecursionError):
        return False
