"""Uploads: pictures and PDFs that Claude is told of are stored at its API once, and told by their ids from then on."""

import asyncio
import base64
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from core.claude.errors import FileStorageError
from core.claude.files import FileStorage
from core.domain.clock import Sleep
from core.domain.content import Document, FileContent, Image, Uploaded
from core.domain.errors import StoreUnavailable
from core.domain.messages import ThreadKey
from core.files.deletions import FileDeletions
from core.store.stored_files import FilePlace, FileScope, FileState, StoredFile, StoredFiles

CHUNK = 1_048_576  # characters in base64 that are decoded at once: each holds up the event loop for 1 ms
SLOW, SILENT = 10.0, 120.0  # seconds after which one that failed held its question up; in which none is tried then
NAMED = "confab-"  # begins the names of uploads, behind which stands what nobody else has

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
        self._running = set[asyncio.Task[FileContent]]()
        self._locks: WeakValueDictionary[tuple[ThreadKey, str], asyncio.Lock] = WeakValueDictionary()

    async def find(self, key: ThreadKey, places: Collection[FilePlace]) -> Mapping[str, StoredFile]:
        """What is known for ever of the files of these places, by attachment: their ids, or why they are not told."""
        return await self._files.find(self._scope(key), places)

    async def upload(self, key: ThreadKey, shown: Image | Document, places: Sequence[FilePlace]) -> FileContent:
        """The file by its id, else as it is. It is finished also where nobody waits for it any more."""
        task = asyncio.create_task(self._upload(self._scope(key), shown, places), name="upload")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

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

    def _scope(self, key: ThreadKey) -> FileScope:
        return FileScope(key, self._storage.api_key)

    async def _upload(self, scope: FileScope, shown: Image | Document, places: Sequence[FilePlace]) -> FileContent:
        try:
            content, sha256 = await asyncio.to_thread(_decode, shown.data)
            lock = self._locks.setdefault((scope.key, sha256), asyncio.Lock())
            async with lock:  # the same content, attached twice, is uploaded once
                return await self._store(scope, _describe(shown, content, sha256), shown, content, places)
        except StoreUnavailable as error:
            log.warning("a file is sent inline, for the database is away: %s", error)
        except Exception:
            log.exception("a bug kept a file from being uploaded")
        return FileContent(shown)

    async def _store(
        self,
        scope: FileScope,
        file: StoredFile,
        shown: Image | Document,
        content: bytes,
        places: Sequence[FilePlace],
    ) -> FileContent:
        """Its row is there before the upload begins, and names it."""
        silent = self._seconds() < self._silent_until
        name = None if self._inline or silent else f"{NAMED}{secrets.token_hex(16)}"
        known = await self._files.begin_upload(scope, file, places, name)
        if known is None:  # its message was deleted just now
            return FileContent(shown)
        if known.state in {FileState.UPLOADED, FileState.REFUSED}:
            return tell_stored(known, shown.name)
        if name is None:
            return FileContent(shown)
        file_id = await self._send(scope, name, content, file.type)
        if file_id and await self._files.end_upload(scope, name, file_id):
            return tell_stored(replace(file, state=FileState.UPLOADED, file_id=file_id), shown.name)
        return FileContent(shown)

    async def _send(self, scope: FileScope, name: str, content: bytes, kind: str) -> str | None:
        """The id of what was uploaded; None where it could not be."""
        began = self._seconds()
        try:
            return await self._storage.upload(name, content, kind)
        except FileStorageError as error:
            if not error.unsupported:
                log.warning("a file is sent inline, for it could not be uploaded: %s", error)
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
    uploaded = Uploaded(file.file_id, file.bytes)
    if file.kind == Document.kind:
        return FileContent(Document(name, file.pages, file.text_bytes, "", uploaded))
    return FileContent(Image(name, file.type, file.width, file.height, "", uploaded))


def _describe(shown: Image | Document, content: bytes, sha256: str) -> StoredFile:
    file = StoredFile(sha256, shown.kind, shown.type, len(content), bound=shown.tokens_bound)
    if isinstance(shown, Document):
        return replace(file, pages=shown.pages, text_bytes=shown.text)
    return replace(file, width=shown.width, height=shown.height)


def _decode(encoded: str) -> tuple[bytes, str]:
    """The bytes and their digest. In a thread of its own, and in pieces, between which the event loop runs."""
    pieces = [base64.b64decode(encoded[at : at + CHUNK]) for at in range(0, len(encoded), CHUNK)]
    content = b"".join(pieces)
    return content, hashlib.sha256(content).hexdigest()
