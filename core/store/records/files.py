"""Stored files: the pictures and PDFs that Claude is told of, and an outbox of those that are to be deleted there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, TypeAlias

from core.domain.messages import ThreadKey

FilePlace: TypeAlias = tuple[str, str]
"""The ids of a message and of an attachment of it."""


CODE = "code"  # the kind of files that are there for code, as they were attached


class FileState(Enum):
    """What became of a file that Claude is told of."""

    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    INLINE = "inline"
    """It is sent with each request."""
    REFUSED = "refused"
    """Claude's API does not take it."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that Claude is told of in one thread, or that its code may open, without its name and its bytes."""

    sha256: str
    kind: str
    """`image` or `document`; `code`, as it was attached, for code to open it."""
    type: str
    """Its media type."""
    bytes: int
    width: int = 0
    height: int = 0
    """Of a picture, in pixels."""
    pages: int = 0
    text_bytes: int = 0
    """Of a PDF: the bytes of UTF-8 that its pages say."""
    bound: int = 0
    """The most tokens that it can have."""
    state: FileState = FileState.INLINE
    file_id: str = ""
    """Its id at Claude's API, once it is uploaded."""
    problem: str = ""
    """Why it is not uploaded, or not told."""


@dataclass(frozen=True, slots=True)
class FileDeletion:
    """A file that is to be deleted at Claude's API: by its id, else by the name of an upload that may have happened."""

    id: int
    api_key: str
    """The fingerprint of the key that it was uploaded with."""
    file_id: str | None
    upload: str | None
    tries: int
    age: timedelta


@dataclass(frozen=True, slots=True)
class FileScope:
    """Whose files: of one thread, under one API key. None is known outside of it."""

    key: ThreadKey
    api_key: str
    """The fingerprint of the key."""


class StoredFiles(Protocol):
    """The files that Claude is told of, and an outbox of their deletions.

    A place is a message and an attachment of it. A file goes with the last message that has it, into the outbox.
    """

    async def find(
        self, scope: FileScope, places: Collection[FilePlace], *, code: bool = False
    ) -> Mapping[str, StoredFile]:
        """The uploaded and the refused files of these places, by attachment; the places are noted.

        They are those that Claude is told of, or those that are there for `code`.
        """

    async def begin_upload(
        self, scope: FileScope, file: StoredFile, places: Collection[FilePlace], upload: str | None
    ) -> StoredFile | None:
        """Keep a file before it is uploaded under the name `upload`, or without one is sent inline.

        The same content that is uploaded or refused already is returned as it is; an upload under way is taken over.
        None where no message has the file any more: nothing of it may be kept.
        """

    async def end_upload(self, scope: FileScope, upload: str, file_id: str) -> bool:
        """The file has an id. False where no message has it any more, or another took it over: then it is deleted."""

    async def fail_upload(self, scope: FileScope, upload: str, problem: str, *, uncertain: bool) -> None:
        """The file is sent inline; what may have been uploaded, for nobody knows for certain, is deleted."""

    async def refuse(self, scope: FileScope, attachments: Collection[str], problem: str) -> None:
        """Claude's API does not take these: they are told as this problem for ever, and deleted there."""

    async def discard(self, scope: FileScope, file_ids: Collection[str]) -> None:
        """These ids are worth nothing any more: the files are read anew."""

    async def claim_deletions(self, limit: int, lease: timedelta) -> Sequence[FileDeletion]:
        """What is due in the outbox, and is no other process's for so long; abandoned uploads are among it."""

    async def end_deletion(self, deletion: FileDeletion) -> None:
        """It is gone at Claude's API."""

    async def postpone_deletion(self, deletion: FileDeletion, pause: timedelta, problem: str) -> None:
        """It could not be deleted; try again after a pause."""


@dataclass(frozen=True, slots=True)
class WaitingDeletions:
    """Files that wait to be deleted at Claude's API."""

    count: int = 0
    oldest: datetime | None = None
    """Since when the oldest of them waits."""
    problem: str = ""
    """Why it could not be deleted yet."""
