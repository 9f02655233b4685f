"""Posts: what stands on a platform that has no server of its own, so that the store is its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.domain.messages import File, ThreadKey


@dataclass(frozen=True, slots=True)
class StoredPost:
    """What stands in one place of a thread. `body` is the platform's own JSON; `name` is unique in the channel."""

    key: ThreadKey
    name: str
    person: str
    """Whose words it holds: its author, or who asked what it answers."""
    at: datetime
    body: str
    waiting: str = ""
    """The kind of an event that has still to be ingested, in the platform's own word; often empty."""


@dataclass(frozen=True, slots=True)
class PostedThread:
    """A thread in which something stands: when it began, and when the newest post came."""

    channel: str
    thread: str
    begun_at: datetime
    newest_at: datetime
    begun: str
    """The body of its first post."""


class Posts(Protocol):
    """Each method is one unit of work."""

    async def write(self, post: StoredPost, files: Sequence[File] | None = None) -> None:
        """Let a post stand, in the place of one of its name; without `files` it keeps those that hang on it."""

    async def find(self, workspace: str, channel: str, name: str) -> StoredPost | None: ...

    async def list_thread(self, key: ThreadKey) -> Sequence[StoredPost]:
        """The posts of a thread, oldest first."""

    async def list_newest(self, workspace: str, channel: str, most: int) -> Sequence[StoredPost]:
        """The newest posts of a channel, oldest first."""

    async def list_threads(self, workspace: str) -> Sequence[PostedThread]:
        """The threads in which something stands, those with the newest post first."""

    async def list_people(self, workspace: str) -> Sequence[str]:
        """All whose words stand there, by name."""

    async def list_waiting(self, workspace: str) -> Sequence[StoredPost]:
        """Posts of which an event has still to be ingested, oldest first."""

    async def mark_ingested(self, post: StoredPost) -> None:
        """Nothing of it waits any more, as far as it still is what was written."""

    async def delete(self, workspace: str, channel: str, name: str) -> None:
        """Let it be gone, with its files."""

    async def read_file(self, workspace: str, channel: str, name: str, number: int) -> File | None:
        """The file of that number, from 0, that hangs on a post."""
