"""Uploads: files that Claude is shown, or that its code opens, are stored at its API once, and told by their ids."""

import asyncio
import base64
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from core.claude.errors import FileStorageError
from core.claude.files import FileStorage
from core.domain.clock import Sleep
from core.domain.content import Document, FileContent, Image, Uploaded
from core.domain.errors import StoreUnavailable
from core.domain.messages import ThreadKey
from core.files.deletions import FileDeletions
from core.store.records.files import CODE, FilePlace, FileScope, FileState, StoredFile, StoredFiles

CHUNK = 1_048_576  # characters in base64 that are decoded at once: each holds up the event loop for 1 ms
SLOW, SILENT = 10.0, 120.0  # seconds after which one that failed held its question up; in which none is tried then
NAMED = "confab-"  # begins the names of uploads, behind which stands what nobody else has
TAG = 8  # characters of a digest that tell the files of a thread apart
UNKNOWN = "application/octet-stream"
ENDINGS = {"image/jpeg": ".jpg", Document.type: ".pdf"}
_ENDING = re.compile(r"(?:\.tar)?\.[a-z0-9]{1,8}$")

T = TypeVar("T")

log = logging.getLogger(__name__)


class FileUploads:
    """Stores files at Claude's API where it has the Files API, and remembers in the database what became of them.

    What can't be uploaded is sent inline, with each request.
    """

    def __init__(
        self,
        files: StoredFiles,
        storage: FileStorage,
        *,
        inline: bool = False,
        sleep: Sleep = asyncio.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._storage = storage
        self._inline = inline
        self._seconds = seconds
        self._silent_until = float("-inf")
        self.deletions = FileDeletions(files, storage, sleep)
        self._running = set[asyncio.Task[Any]]()
        self._locks: WeakValueDictionary[tuple[ThreadKey, str], asyncio.Lock] = WeakValueDictionary()

    @property
    def inline(self) -> bool:
        """Whether nothing is uploaded, for there is no Files API."""
        return self._inline

    async def find(self, key: ThreadKey, places: Collection[FilePlace]) -> Mapping[str, StoredFile]:
        """What is known for ever of the files of these places, by attachment: their ids, or why they are not told."""
        return await self._files.find(self._scope(key), places)

    async def find_for_code(self, key: ThreadKey, places: Collection[FilePlace]) -> Mapping[str, Uploaded]:
        """The files of these places that are there for code as they were attached, by attachment."""
        stored = await self._files.find(self._scope(key), places, code=True)
        return {name: _tell_uploaded(one) for name, one in stored.items() if one.state is FileState.UPLOADED}

    async def upload(self, key: ThreadKey, shown: Image | Document, places: Sequence[FilePlace]) -> FileContent:
        """The file by its id, else as it is. It is finished also where nobody waits for it any more."""
        return await self._finish(self._upload(self._scope(key), shown, places))

    async def upload_for_code(
        self, key: ThreadKey, name: str, content: bytes, places: Sequence[FilePlace]
    ) -> Uploaded | None:
        """A file of that name as it was attached; None where it could not be stored. It is finished also unawaited."""
        return await self._finish(self._upload_for_code(self._scope(key), name, content, places))

    async def refuse(self, key: ThreadKey, attachments: Collection[str], problem: str) -> None:
        """Claude's API does not take these files: no process tells them again."""
        await self._files.refuse(self._scope(key), attachments, problem)

    async def discard(self, key: ThreadKey, file_ids: Collection[str]) -> None:
        """Claude's API has these no more: they are read and uploaded anew."""
        await self._files.discard(self._scope(key), file_ids)

    async def run(self) -> None:
        """Delete what no message has any more, until cancelled; then end uploads under way.

        Whether those were stored is found out later, by their names.
        """
        try:
            await self.deletions.run()
        finally:
            for task in list(self._running):
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        """What an upload comes to, which goes on where its question does not wait any more."""
        task = asyncio.create_task(work, name="upload")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    def _scope(self, key: ThreadKey) -> FileScope:
        return FileScope(key, self._storage.api_key)

    async def _upload(self, scope: FileScope, shown: Image | Document, places: Sequence[FilePlace]) -> FileContent:
        content, sha256 = await asyncio.to_thread(_read_bytes, shown)
        ending = ENDINGS.get(shown.type, f".{shown.type.partition('/')[2]}")
        known = await self._store_unless_away(scope, _describe(shown, content, sha256), ending, content, places)
        return tell_stored(known, shown.name) if known else FileContent(shown)

    async def _upload_for_code(
        self, scope: FileScope, name: str, content: bytes, places: Sequence[FilePlace]
    ) -> Uploaded | None:
        sha256 = await asyncio.to_thread(_digest, content)
        file = StoredFile(f"{sha256}{CODE}", CODE, UNKNOWN, len(content))  # what is shown is another file
        found = _ENDING.search(name.lower())
        known = await self._store_unless_away(scope, file, found[0] if found else "", content, places)
        return _tell_uploaded(known) if known and known.state is FileState.UPLOADED else None

    async def _store_unless_away(
        self, scope: FileScope, file: StoredFile, ending: str, content: bytes, places: Sequence[FilePlace]
    ) -> StoredFile | None:
        """The file as it is known for ever; None where it could not be uploaded, whatever kept it from that."""
        lock = self._locks.setdefault((scope.key, file.sha256), asyncio.Lock())
        try:
            async with lock:  # the same content, attached twice, is uploaded once
                return await self._store(scope, file, ending, content, places)
        except StoreUnavailable as error:
            log.warning("a file is not uploaded, for the database is away: %s", error)
        except Exception:
            log.exception("a bug kept a file from being uploaded")
        return None

    async def _store(
        self, scope: FileScope, file: StoredFile, ending: str, content: bytes, places: Sequence[FilePlace]
    ) -> StoredFile | None:
        """Its row is there before the upload begins, and names it."""
        silent = self._seconds() < self._silent_until
        name = f"{NAMED}{secrets.token_hex(16)}-{file.sha256[:TAG]}{ending}"
        upload = None if self._inline or silent else name
        known = await self._files.begin_upload(scope, file, places, upload)
        if known is None:  # its message was deleted just now
            return None
        if known.state in {FileState.UPLOADED, FileState.REFUSED}:
            return known
        file_id = await self._send(scope, upload, content, file.type) if upload else None
        if upload and file_id and await self._files.end_upload(scope, upload, file_id):
            return replace(file, state=FileState.UPLOADED, file_id=file_id)
        return None

    async def _send(self, scope: FileScope, name: str, content: bytes, kind: str) -> str | None:
        """The id of what was uploaded; None where it could not be."""
        began = self._seconds()
        try:
            return await self._storage.upload(name, content, kind)
        except FileStorageError as error:
            if not error.unsupported:
                log.warning("a file could not be uploaded, and is sent inline if it can be: %s", error)
            elif not self._inline:
                self._inline = True
                log.warning("files are sent inline from here on, for there is no Files API: %s", error)
            if self._seconds() - began >= SLOW:
                self._silent_until = self._seconds() + SILENT
            await self._files.fail_upload(scope, name, str(error), uncertain=not error.certain)
            return None


def tell_stored(file: StoredFile, name: str) -> FileContent:
    """A file as Claude is told it out of its row."""
    if file.state is FileState.REFUSED:
        return FileContent(problem=file.problem)
    uploaded = _tell_uploaded(file)
    if file.kind == Document.kind:
        return FileContent(Document(name, file.pages, file.text_bytes, "", uploaded))
    return FileContent(Image(name, file.type, file.width, file.height, "", uploaded))


def _tell_uploaded(file: StoredFile) -> Uploaded:
    return Uploaded(file.file_id, file.bytes, file.sha256[:TAG])


def _describe(shown: Image | Document, content: bytes, sha256: str) -> StoredFile:
    file = StoredFile(sha256, shown.kind, shown.type, len(content), bound=shown.tokens_bound)
    if isinstance(shown, Document):
        return replace(file, pages=shown.pages, text_bytes=shown.text)
    return replace(file, width=shown.width, height=shown.height)


def _read_bytes(shown: Image | Document) -> tuple[bytes, str]:
    """The bytes and their digest. In a thread of its own, and in pieces, between which the event loop runs."""
    encoded = shown.data
    large = shown.large if isinstance(shown, Document) else b""
    content = large or b"".join(base64.b64decode(encoded[at : at + CHUNK]) for at in range(0, len(encoded), CHUNK))
    return content, _digest(content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
