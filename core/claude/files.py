"""Files at Claude's API: uploaded once, told by their ids, deleted; those that code made are downloaded. No retries."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.claude import sdk
from core.claude.errors import FileStorageError
from core.claude.sdk_errors import BROKEN
from core.claude.streams.accumulator import read_field, read_word

SECONDS = 20.0  # that one request may take, an upload too: what takes longer is sent inline
CHUNK = 65_536  # bytes of a download that are read at once
LISTED = 1_000  # files of one page of the list, which is the most
CODE_RESULT = "code_execution_tool_result"  # ends the types of blocks with what code answered
NO_STORAGE = "what answers stores no files"
UNSUPPORTED = frozenset({404, 405, 501})  # answers to an upload where there is no Files API


@dataclass(frozen=True, slots=True)
class StorageEntry:
    """What Claude's API tells of a file."""

    name: str
    type: str
    """Its media type."""
    bytes: int


class FileStorage:
    """The files of one API key. Each call is one request, but for the list, which has pages."""

    def __init__(self, open_client: sdk.OpenClient, api_key: str, seconds: float = SECONDS) -> None:
        self._open_client = open_client
        self._seconds = seconds
        self.api_key = api_key
        """The fingerprint of the key and of where it is used: no id is known anywhere else."""

    async def upload(self, name: str, content: bytes, media_type: str) -> str:
        """Store a file under a name; its id. Raises FileStorageError."""
        async with self._asking() as client:
            stored = await client.files.upload(file=(name, io.BytesIO(content), media_type))  # sent in pieces
            if file_id := read_word(stored, "id"):
                return file_id
        raise FileStorageError(NO_STORAGE, unsupported=True)

    async def delete(self, file_id: str) -> bool:
        """Delete a file. Whether it was there. Raises FileStorageError."""
        try:
            async with self._asking() as client:
                await client.files.delete(file_id)
        except FileStorageError as error:
            if not error.missing:
                raise
            return False
        return True

    async def describe(self, file_id: str) -> StorageEntry:
        """The name, media type and size of a file. Raises FileStorageError."""
        async with self._asking() as client:
            told = await client.files.retrieve_metadata(file_id)
            size = read_field(told, "size_bytes")
            return StorageEntry(str(told.filename), str(told.mime_type), size if isinstance(size, int) else 0)

    async def download(self, file_id: str, most: int) -> bytes:
        """The bytes of a file that code made, `most` at most. Raises FileStorageError."""
        content = bytearray()
        async with self._asking() as client, client.files.with_streaming_response.download(file_id) as response:
            async for piece in response.iter_bytes(CHUNK):
                content += piece
                if len(content) > most:
                    raise FileStorageError("it is larger than was told", certain=True)
        return bytes(content)

    async def find(self, names: Collection[str]) -> dict[str, str]:
        """The ids of the files that were stored under these names. Raises FileStorageError."""
        found: dict[str, str] = {}
        seen = set[str]()
        async with self._asking() as client:
            pages = await client.files.list(limit=LISTED)
            if not isinstance(read_field(pages, "data"), list):
                raise FileStorageError(NO_STORAGE, unsupported=True)
            async for one in pages:
                file_id, name = read_word(one, "id"), read_word(one, "filename")
                if file_id is None or file_id in seen:  # a gateway that always answers the same page
                    break
                seen.add(file_id)
                if name in names:
                    found[str(name)] = file_id
        return found

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[sdk.AsyncAnthropic]:
        """One request, within its time. Raises FileStorageError for all that can go wrong with it."""
        client = await self._open_client()
        try:
            async with asyncio.timeout(self._seconds):
                yield client
        except sdk.APIStatusError as error:
            raise _classify(error) from error
        except TimeoutError as error:
            raise FileStorageError(f"no answer in {self._seconds:g} seconds") from error
        except (sdk.APIError, *BROKEN, AttributeError, TypeError, ValueError) as error:  # a gateway's, perhaps
            raise FileStorageError(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}") from error


def ran_code(content: Iterable[object]) -> bool:
    """Whether code ran for a message, of which these are the blocks."""
    return any(str(read_field(one, "type")).endswith(CODE_RESULT) for one in content)


def list_made_files(content: Iterable[object]) -> tuple[str, ...]:
    """The ids of the files that code made, out of a message's blocks, each once."""
    results = [read_field(one, "content") for one in content if str(read_field(one, "type")).endswith(CODE_RESULT)]
    outputs = [read_field(one, "content") for one in results]
    found = [read_word(each, "file_id") for one in outputs if isinstance(one, list) for each in one]
    return tuple(dict.fromkeys(file_id for file_id in found if file_id))


def _classify(error: sdk.APIStatusError) -> FileStorageError:
    """An answer below 500 says that nothing happened."""
    status = error.status_code
    code, words = read_word(error, "error_code"), read_word(error, "api_message") or read_field(error, "type")
    return FileStorageError(
        " ".join(str(one) for one in (status, code, words) if one)[:300],
        certain=400 <= status < 500 or status in UNSUPPORTED,
        unsupported=status in UNSUPPORTED,
        missing=status == 404 and read_word(error, "type") == "not_found_error",
    )
