"""Slash hints: commands that a notice of ours names are written with the slash with which a line gives them. Pure."""

import re
from collections.abc import Sequence

from core.commands.registry import Command
from core.rendering.fences import Fence, parse_opening


def add_slashes(text: str, table: Sequence[Command]) -> str:
    """The Markdown of a notice, in which `persona set` stands as `/persona set`.

    What is quoted or stands in a fence is somebody's, and stays as it is.
    """
    words = "|".join(re.escape(row.words) for row in sorted(table, key=lambda row: -len(row.words)))
    named = re.compile(rf"(?<!`)`(?=(?:{words})(?:[ |][^`\n]*)?`)")
    lines: list[str] = []
    fence: Fence | None = None
    for line in text.split("\n"):
        if fence is not None:
            fence = None if fence.closed_by(line) else fence
        elif (fence := parse_opening(line)) is None and not line.startswith(">"):
            line = named.sub("`/", line)  # noqa: PLW2901  the line as it is shown
        lines.append(line)
    return "\n".join(lines)
