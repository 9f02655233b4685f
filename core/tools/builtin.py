"""Built-in tools: this channel's past, files that are posted with the answer, and the time. They cost nothing."""

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from core.domain.clock import is_time_zone, load_zone
from core.domain.content import Text
from core.domain.errors import CannotAnswer
from core.domain.messages import MadeFile, ThreadKey, clean_text
from core.domain.tools import ToolResult
from core.files.code_blocks import LARGEST
from core.prompting.clock_notes import describe_time
from core.prompting.file_names import clean_attached_name
from core.rendering.names import clean_file_name
from core.tools.functions import build_tool, tool
from core.tools.history import read_thread, search_history
from core.tools.tool import Tool, ToolScope

PLAIN = "text/plain"
TEXTUAL = ("application/json", "application/xml", "image/svg+xml")  # types that are text beside text/...
UNNAMED = "file.txt"


class BuiltinTools:
    """The tools that every persona has unless it chooses others."""

    free = True

    def __init__(self) -> None:
        functions: Sequence[Callable[..., Any]] = (search_history, read_thread, post_file, current_time)
        self._tools = tuple(build_tool(one) for one in functions)

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        return group_names(self._tools)

    async def list_tools(self, key: ThreadKey) -> Sequence[Tool]:
        return self._tools


def group_names(tools: Sequence[Tool]) -> Mapping[str, Sequence[str]]:
    """The names of tools by their groups."""
    return {group: [one.name for one in tools if one.group == group] for group in sorted({one.group for one in tools})}


def _describe_file(arguments: Mapping[str, Any]) -> str:
    return f"writing {clean_attached_name(str(arguments.get('name') or ''))}"


@tool(acts=False, group="files", describe=_describe_file)
async def post_file(
    name: Annotated[str, Field(max_length=200, description="With its ending, such as report.csv or notes.md")],
    content: Annotated[str, Field(description="All of the file's text, of at most 1 MB")],
) -> ToolResult:
    """Post a text file with your answer.

    Use it where somebody asks for a file, or where a text is to be opened or kept rather than read in the chat: a table
    as CSV, a configuration, a longer document. Don't repeat its content in your answer.
    """
    text = clean_text(content)
    size = len(text.encode())
    if not text.strip():
        raise CannotAnswer("The file would be empty, so nothing is posted.")
    if size > LARGEST:
        raise CannotAnswer(f"The file has {size:,} bytes, and {LARGEST:,} are the most, so nothing is posted.")
    named = clean_file_name(clean_text(name)) or UNNAMED
    file = MadeFile(named, _guess_type(named), text)
    return ToolResult((Text(f"{named} is posted with your answer."),), files=(file,))


def _guess_type(name: str) -> str:
    """The media type that a text of this name has; a name that ends as a picture's does makes no picture of it."""
    guessed = mimetypes.guess_type(name, strict=True)[0] or PLAIN
    return guessed if guessed.startswith("text/") or guessed in TEXTUAL else PLAIN


@tool(acts=False, group="time", describe=lambda _: "looking at the clock")
async def current_time(
    scope: ToolScope,
    zone: Annotated[
        str, Field(max_length=80, description="As the tz database names it: Europe/Berlin. Empty: that of who asks")
    ] = "",
) -> ToolResult:
    """Tell which day of the week, date and time it is now, with the offset from UTC."""
    wanted = zone.strip() or await scope.find_zone()
    if not is_time_zone(wanted):
        raise CannotAnswer("There is no time zone of that name. Name one such as Europe/Berlin, Asia/Tokyo or UTC.")
    return ToolResult((Text(describe_time(scope.clock().astimezone(load_zone(wanted)), wanted).strip("[]")),))
