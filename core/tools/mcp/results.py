"""MCP results: what a server answers to a call becomes content for Claude, no more than one result may hold."""

import asyncio
import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import mcp_types as types

from core.domain.content import Document, Image, Text
from core.domain.messages import clean_text
from core.domain.tools import ToolResult
from core.domain.wording import fold_lines
from core.files.conversion import convert_file

TOKENS = 50_000  # of one result
BYTES = 3 * TOKENS - 1_000  # of text, about, beside our notes; a picture counts as many as text of its tokens has
CUT = "[The result is longer: only its first {:,} bytes stand above.]"
FULL = "[What follows is left out: one result holds no more.]"
EMPTY = "[The tool answered nothing.]"
LINE = 300  # characters of a note's part that a server names
BLOCKS = 100  # parts of one result
VALUES = BYTES // 2  # of a table: so many take more bytes than a result holds, for each has a sign and a comma at least

Part: TypeAlias = Text | Image | Document


async def read_result(result: types.CallToolResult) -> ToolResult:
    """What came of a call. Each part is data: nothing of it is fetched, and nothing is taken for words of ours."""
    parts = [await _read_block(block) for block in result.content[:BLOCKS]]
    if result.structured_content is not None and not any(isinstance(part, Text) for part in parts):
        parts.append(Text(await asyncio.to_thread(_write_structured, result.structured_content)))
    parts += [Text(FULL)] if len(result.content) > BLOCKS else []
    spoken = (part for part in parts if not (isinstance(part, Text) and not part.text.strip()))
    return ToolResult(tuple(_bound_content(spoken)) or (Text(EMPTY),), failed=result.is_error)


def keep_first(value: Any, left: list[int]) -> Any:
    """A copy of the first values of what JSON has, as many as are `left`."""
    left[0] -= 1
    if isinstance(value, dict):
        return {name: keep_first(one, left) for name, one in value.items() if left[0] > 0}
    if isinstance(value, list):
        return [keep_first(one, left) for one in value if left[0] > 0]
    return value


def _write_structured(content: dict[str, Any]) -> str:
    """As JSON, piece by piece until there is more than one result holds: written in one go it would stop the loop."""
    pieces: list[str] = []
    length = 0
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(content):
        pieces.append(piece)
        length += len(piece)
        if length > BYTES:
            break
    return clean_text("".join(pieces)[: BYTES + 1])


def _bound_content(parts: Iterable[Part]) -> Iterator[Part]:
    """As many parts as one result holds, with a note where anything is left out."""
    left = BYTES
    for part in parts:
        if part.size <= left:
            left -= part.size
            yield part
        elif isinstance(part, Text) and left:
            yield Text(part.text.encode()[:left].decode(errors="ignore"))
            yield Text(CUT.format(BYTES))
            left = 0
        else:
            yield Text(FULL)
            return


async def _read_block(block: types.ContentBlock) -> Part:
    if isinstance(block, types.TextContent):
        return Text(clean_text(block.text[: BYTES + 1]))
    if isinstance(block, types.ImageContent):
        return await _read_image(block.data, "the picture")
    if isinstance(block, types.AudioContent):
        return Text(f"[A sound, {_fold(block.mime_type)}, which can't be heard here.]")
    if isinstance(block, types.ResourceLink):
        told = ", ".join(_fold(one) for one in (block.name, block.description or "") if one)
        return Text(f"[A resource, not fetched: {_fold(block.uri)} ({told})]")
    return await _read_resource(block.resource)


async def _read_resource(resource: types.TextResourceContents | types.BlobResourceContents) -> Part:
    if isinstance(resource, types.TextResourceContents):
        return Text(clean_text(f"[The resource {_fold(resource.uri)}:]\n{resource.text[: BYTES + 1]}"))
    if (resource.mime_type or "").startswith("image/"):
        return await _read_image(resource.blob, _fold(resource.uri))
    size = len(resource.blob) * 3 // 4
    return Text(
        f"[The resource {_fold(resource.uri)}, {_fold(resource.mime_type or 'a file')}, {size:,} bytes, not shown.]"
    )


async def _read_image(data: str, name: str) -> Part:
    """A picture as its bytes say it is, as Claude is shown it; else why not, in a note."""
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return Text(f"[{name} is broken.]")
    converted = await convert_file(name, content)
    return converted.shown or Text(f"[{name} can't be shown: {converted.problem or 'it is no picture'}]")


def _fold(text: str) -> str:
    """What a server names, on one line and without the brackets of notes."""
    return fold_lines(clean_text(text)).replace("[", "(").replace("]", ")")[:LINE]
