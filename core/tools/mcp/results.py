"""MCP results: what a server answers to a call becomes content for Claude, no more than one result may hold."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import mcp_types as types

from core.domain.content import Image, Text
from core.domain.messages import clean_text
from core.domain.tools import ToolResult
from core.domain.wording import fold_lines
from core.tools.mcp.settings import McpServer
from core.tools.pictures import IMAGES, MORE, read_picture

TOKENS = 50_000  # of one result
BYTES = 3 * TOKENS - 1_000  # of text, about, beside our notes; a picture counts as many as text of its tokens has
CUT = "[The result is longer: only its first {:,} bytes stand above.]"
FULL = "[What follows is left out: one result holds no more.]"
EMPTY = "[The tool answered nothing.]"
LINE = 300  # characters of a note's part that a server names
BLOCKS = 100  # parts of one result
VALUES = BYTES // 2  # of a table: so many take more bytes than a result holds, for each has a sign and a comma at least

Part: TypeAlias = Text | Image


async def read_result(result: types.CallToolResult, server: McpServer) -> ToolResult:
    """What came of a call. Each part is data: nothing of it is fetched, and nothing is taken for words of ours.

    Secrets of the server's file are hidden in all words, for a server may repeat what it is given.
    """
    reader = _ResultReader(server)
    parts = [await reader.read_block(block) for block in _bound_pictures(result.content[:BLOCKS])]
    spoken = any(isinstance(one, types.TextContent) and one.text.strip() for one in result.content[:BLOCKS])
    if result.structured_content is not None and not spoken:
        parts.append(Text(await asyncio.to_thread(reader.write_structured, result.structured_content)))
    parts += [Text(FULL)] if len(result.content) > BLOCKS else []
    told = (part for part in parts if not (isinstance(part, Text) and not part.text.strip()))
    return ToolResult(tuple(_bound_content(told)) or (Text(EMPTY),), failed=result.is_error)


def keep_first(value: Any, left: list[int]) -> Any:
    """A copy of the first values of what JSON has, as many as are `left`."""
    left[0] -= 1
    if isinstance(value, dict):
        return {name: keep_first(one, left) for name, one in value.items() if left[0] > 0}
    if isinstance(value, list):
        return [keep_first(one, left) for one in value if left[0] > 0]
    return value


def _bound_pictures(blocks: Iterable[types.ContentBlock]) -> Iterator[types.ContentBlock]:
    """The same with notes for pictures of which a result holds no more: to read one takes a process of its own."""
    left = IMAGES
    for block in blocks:
        left -= _holds_picture(block)
        yield block if left >= 0 or not _holds_picture(block) else types.TextContent(text=MORE)


def _holds_picture(block: types.ContentBlock) -> bool:
    if isinstance(block, types.EmbeddedResource):
        return isinstance(block.resource, types.BlobResourceContents) and _is_picture(block.resource)
    return isinstance(block, types.ImageContent)


def _is_picture(resource: types.BlobResourceContents) -> bool:
    return (resource.mime_type or "").startswith("image/")


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


@dataclass(frozen=True, slots=True)
class _ResultReader:
    """Reads the parts of a result of one server."""

    server: McpServer

    async def read_block(self, block: types.ContentBlock) -> Part:
        if isinstance(block, types.TextContent):
            return Text(self._take(block.text))
        if isinstance(block, types.ImageContent):
            return await read_picture(block.data)
        if isinstance(block, types.AudioContent):
            return Text(f"[A sound, {self._fold(block.mime_type)}, which can't be heard here.]")
        if isinstance(block, types.ResourceLink):
            told = ", ".join(self._fold(one) for one in (block.name, block.description or "") if one)
            return Text(f"[A resource, not fetched: {self._fold(block.uri)} ({told})]")
        return await self._read_resource(block.resource)

    async def _read_resource(self, resource: types.TextResourceContents | types.BlobResourceContents) -> Part:
        if isinstance(resource, types.TextResourceContents):
            return Text(f"[The resource {self._fold(resource.uri)}:]\n{self._take(resource.text)}")
        if _is_picture(resource):
            return await read_picture(resource.blob, self._fold(resource.uri))
        size, kind = len(resource.blob) * 3 // 4, self._fold(resource.mime_type or "a file")
        return Text(f"[The resource {self._fold(resource.uri)}, {kind}, {size:,} bytes, not shown.]")

    def write_structured(self, content: dict[str, Any]) -> str:
        """As JSON, piece by piece until a result holds no more: written in one go it would stop the loop."""
        pieces: list[str] = []
        length = 0
        for piece in json.JSONEncoder(ensure_ascii=False).iterencode(content):
            pieces.append(piece)
            length += len(piece)
            if length > BYTES:
                break
        return self._take("".join(pieces))

    def _take(self, text: str) -> str:
        """As much of a text as a result holds. No secret is cut, or made whole, once they are hidden."""
        return self.server.hide_secrets(clean_text(text[: BYTES + 1 + self.server.longest_secret]))[: BYTES + 1]

    def _fold(self, text: str) -> str:
        """What a server names, on one line and without the brackets of notes."""
        hidden = self.server.hide_secrets(clean_text(text))
        return fold_lines(hidden).replace("[", "(").replace("]", ")")[:LINE]
