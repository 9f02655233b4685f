"""Searches: what is looked for in the past of a channel, and what is found, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.domain.messages import LinkTarget, Message, ThreadKey


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for in the tracked threads of a channel."""

    words: tuple[str, ...] = ()
    """Each of them occurs in a message; written with `casefold`."""
    people: frozenset[str] | None = None
    """The authors; None for all."""
    ours: bool = False
    """Of `people`, what we said ourselves is meant."""
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next page of a search begins: behind this message."""

    at: str
    message: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found."""

    key: ThreadKey
    message: Message
    rooted: bool
    """Whether its thread has the name of a message of the channel."""
    page: str | None = None
    """Where the message is no message of the platform's: the page that answers it."""


@dataclass(frozen=True, slots=True)
class FoundThread:
    """A tracked thread to which a permalink leads."""

    key: ThreadKey
    rooted: bool
    """Whether it has the name of a message of the channel."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A part of a search: what was found, newest first, in how many messages, and where the next part begins."""

    hits: tuple[Hit, ...]
    read: int
    rest: Position | None


class ChannelPast(Protocol):
    """What was said before in the tracked threads of a channel. Each method is one transaction."""

    async def search(self, key: ThreadKey, search: Search, position: Position | None = None) -> SearchPage:
        """A page of what was said in the tracked threads of a channel, newest first, from a position on.

        Nothing private, deleted or forgotten is found, no notice of ours, and no question that Claude refused.
        """

    async def find_people(self, key: ThreadKey, name: str) -> frozenset[str]:
        """The ids of those who had this name, in whatever case, in a tracked thread of the channel."""

    async def find_thread_of(self, key: ThreadKey, target: LinkTarget) -> FoundThread | None:
        """The tracked thread of the channel that a permalink leads to, unless it is private or gone."""

    async def leave_out_forgotten(self, key: ThreadKey, messages: Sequence[Message]) -> Sequence[Message]:
        """What the platform shows of a thread, without what must not be told again."""
