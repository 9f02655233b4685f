"""Events: what a platform reports to the core, and the receipt that the core gives for each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.domain.controls import Control
from core.domain.messages import Asks, Attachment, Message, ThreadKey


@dataclass(frozen=True, slots=True)
class Posted:
    """A message was posted. `key.thread` is its thread, or what it replies to, or itself if it begins one."""

    id: str
    key: ThreadKey
    message: Message
    asks: Asks = Asks.NO
    address: str = "{}"
    alone: bool = False
    private: bool = False
    may_add: bool = False
    """It begins a conversation only where it adds nothing to what its author just asked in the same place."""
    begins: bool = False
    """It begins its thread, replies to nothing, and is shown whole: if it comes at once, nothing else is in there."""
    begun_at: datetime | None = None
    """When that was said to which it replies, or which began its thread, where that is another message."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Of a private question about a message: the ids of that and of its thread."""
    by_form: bool = False
    """Whether it was asked by a form that is still open: where that message is gone, it is said there."""
    hint: bool = False
    """Another event tells the same with its files. A hint at what is not kept yet in a tracked thread keeps nothing."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A message's words changed; `message` is what the platform shows now.

    `asks` says whether it asks now; None where that is not known.
    """

    id: str
    key: ThreadKey
    message: Message
    asks: Asks | None = None
    address: str = "{}"


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message is gone. `key.thread` may be empty: a message's id is enough to find it in its channel."""

    id: str
    key: ThreadKey
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pressed:
    """A person used a control of the reply to `question`.

    Without a question STOP ends every answer in the thread, and the others are about its newest reply.

    `address` is what it takes to answer the press, and to show the reply again.
    """

    id: str
    key: ThreadKey
    person: str
    control: Control
    question: str | None = None
    at: datetime | None = None
    address: str = "{}"


@dataclass(frozen=True, slots=True)
class Commanded:
    """A person gave a command: `line` holds its words, and what follows them unless `values` has it, named."""

    id: str
    key: ThreadKey
    person: str
    line: str
    at: datetime
    values: Mapping[str, str] = field(default_factory=dict)
    address: str = "{}"
    private: bool = False
    attachments: tuple[Attachment, ...] = ()
    """Files that hang on its message, where it takes them."""
    by_form: bool = False
    """Whether its form is still open: what is wrong with it is said there, and then nothing is stored."""
    hint: bool = False
    """Another event tells the same with its files. A hint at what is not kept yet keeps nothing."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Events of these workspaces may have been missed; none named means all of the platform's."""

    id: str
    platform: str
    workspaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Backfilled:
    """The backfill of a workspace is complete: all that was missed has been found and handed over."""

    id: str
    workspace: str


@dataclass(frozen=True, slots=True)
class WorkspaceEnded:
    """We were removed from a workspace: nothing can be said there any more, until we are installed again."""

    id: str
    workspace: str
    at: datetime
    """What is asked later came after a new installation."""


Event = Posted | Edited | Deleted | Pressed | Commanded | Missed | Backfilled | WorkspaceEnded


@dataclass(frozen=True, slots=True)
class MissedRange:
    """Where a backfill looks in a workspace: all messages `since`. `threads` are tracked, the most active first."""

    workspace: str
    since: datetime
    threads: tuple[ThreadKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an event: whether it was new, whether its thread is tracked, whether it left a question."""

    new: bool
    ours: bool
    question: bool
    key: ThreadKey
    missed: tuple[MissedRange, ...] = ()
    """Where to backfill after a gap. What is found there is ingested like any other event."""
    note: str = ""
    """Of a press: one sentence for who pressed, alone: a vote was noted, or why nothing comes of it. Often empty."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Of what was given by a form: why it was not stored, by parameters; the empty one where it is no single one."""
    awaited: bool = False
    """Of a hint: the event that tells the same with its files has not come."""


Ingest = Callable[[Event], Awaitable[Receipt]]


def locate_message(event: Posted | Edited | Deleted) -> tuple[str, str, str]:
    """Which message an event tells of: workspace, channel and id."""
    name = event.message if isinstance(event, Deleted) else event.message.id
    return event.key.workspace, event.key.channel, name
