"""The Files API of the stand-in for Claude: what each workspace has stored, and the requests that change it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from tests.fakes.claude.blocks import ContainerUpload, Document, Held, Image, ToolResult, Uploaded
from tests.fakes.claude.refused import Refused, missing
from tests.fakes.claude.request import Prompt

LARGEST = 500 * 1024 * 1024  # bytes of a file
QUOTA = 500 * 1024**3  # bytes of a workspace
LISTED, DEFAULT, IDS = 1_000, 20, 100
EXPIRY = (3_600, 7_776_000)  # seconds
PART = re.compile(rb'name="([^"]*)"(?:; filename="([^"]*)")?')
KIND = re.compile(rb"content-type: *([^\r\n]+)", re.IGNORECASE)


@dataclass(slots=True)
class Files:
    """The files of one workspace, oldest first. `quota` is what they may have in bytes."""

    clock: Callable[[], float]
    stored: dict[str, Held] = field(default_factory=dict)
    quota: int = QUOTA
    uploads: int = 0
    """How many there ever were."""

    def upload(self, raw: bytes, content_type: str) -> dict[str, Any]:
        """Store what a multipart body holds."""
        parts = dict(_parts(raw, content_type))
        if "file" not in parts:
            raise Refused("file: Field required")
        name, kind, content = parts["file"]
        if len(content) > LARGEST:
            raise Refused("File exceeds 500 MB", status=413, type="request_too_large")
        if sum(len(one.content) for one in self.stored.values()) + len(content) > self.quota:
            raise Refused("The workspace is full.", details={"error_code": "storage_quota_exceeded"})
        expires = self._expiry(parts)
        held = Held(f"file_01{token_hex(11)}", name or "unnamed", kind, content, self.clock(), expires)
        self.stored[held.id] = held
        self.uploads += 1
        return _described(held)

    def make(self, name: str, kind: str, content: bytes, *, container: str) -> Held:
        """A file that code made."""
        held = Held(f"file_01{token_hex(11)}", name, kind, content, self.clock(), container=container)
        self.stored[held.id] = held
        return held

    def download(self, name: str) -> Held:
        """One that code made."""
        held = self._find(name)
        if held.container is None:
            raise Refused("File is not downloadable.", details={"error_code": "file_not_downloadable"})
        return held

    def listing(self, query: Mapping[str, str], ids: list[str]) -> dict[str, Any]:
        """A page of them, newest first; or those of `ids` that are there."""
        if ids:
            if len(ids) > IDS or query.keys() & {"page", "limit"}:
                raise Refused("ids: at most 100, without page and limit")
            return {"data": [_described(self.stored[one]) for one in ids if one in self.stored], "next_page": None}
        limit, start = int(query.get("limit", DEFAULT)), int(query.get("page", "page_0").removeprefix("page_"))
        if not 1 <= limit <= LISTED:
            raise Refused("limit: Input should be between 1 and 1000")
        newest = list(reversed(self.stored.values()))
        more = f"page_{start + limit}" if len(newest) > start + limit else None
        return {"data": [_described(one) for one in newest[start : start + limit]], "next_page": more}

    def describe(self, name: str) -> dict[str, Any]:
        """The metadata of one."""
        return _described(self._find(name))

    def delete(self, name: str) -> dict[str, Any]:
        """It is gone."""
        del self.stored[self._find(name).id]
        return {"id": name, "type": "file_deleted"}

    def resolve(self, prompt: Prompt) -> None:
        """Give every block that names a file its content; raises 404 for one that is not there, or has expired."""
        for message in prompt.messages:
            for block in message.content:
                inner = block.content if isinstance(block, ToolResult) and isinstance(block.content, list) else [block]
                for one in inner:
                    if isinstance(one, ContainerUpload):
                        one.hold(self._find(one.file_id))
                    elif isinstance(one, Image | Document) and isinstance(one.source, Uploaded):
                        one.source.hold(self._find(one.source.file_id))

    def _find(self, name: str) -> Held:
        held = self.stored.get(name)
        if held is None:
            raise missing(f"File not found: {name}")
        if held.expires is not None and held.expires <= self.clock():
            raise missing(f"File has expired: {name}", details={"error_code": "file_expired"})
        return held

    def _expiry(self, parts: Mapping[str, tuple[str, str, bytes]]) -> float | None:
        if "expires_in_seconds" not in parts:
            return None
        seconds = int(parts["expires_in_seconds"][2])
        if not EXPIRY[0] <= seconds <= EXPIRY[1]:
            raise Refused("expires_in_seconds: Input should be between 3600 and 7776000")
        return self.clock() + seconds


def _described(held: Held) -> dict[str, Any]:
    return {
        "id": held.id,
        "type": "file",
        "filename": held.name,
        "mime_type": held.kind,
        "size_bytes": len(held.content),
        "created_at": _moment(held.at),
        "expires_at": _moment(held.expires) if held.expires else None,
        "downloadable": held.container is not None,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _parts(raw: bytes, content_type: str) -> Iterator[tuple[str, tuple[str, str, bytes]]]:
    """The parts of a multipart body by their names: file name, media type, content."""
    if not content_type.startswith("multipart/form-data"):
        raise Refused("Content-Type: must be multipart/form-data")
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    for part in raw.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        named, kind = PART.search(head), KIND.search(head)
        if named is None:
            raise Refused("a part of the form has no name")
        name = (named[2] or b"").decode().rpartition("/")[2]
        yield named[1].decode(), (name, kind[1].decode() if kind else "", content.removesuffix(b"\r\n"))
