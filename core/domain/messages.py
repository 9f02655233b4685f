"""The nouns of chat, and the events in which they come in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum


def clean(text: str) -> str:
    """`text` as SQLite and JSON can keep it: no NUL, no lone surrogate; surrogate pairs become one character."""
    whole = text.replace("\0", "")
    return whole if whole.isascii() else whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Gone(Exception):
    """Where the reply belongs it can't be shown any more: a channel is gone, a token has run out."""


class Unconnectable(Exception):
    """The platform refuses to connect and will go on refusing; the message is a line for the operator."""


class Hindered(Exception):
    """The platform forbids something that an answer needs; the message is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class ThreadKey:
    """Where one conversation happens. `workspace` carries its platform's name: `slack:T024`."""

    workspace: str
    channel: str
    thread: str

    @property
    def platform(self) -> str:
        return self.workspace.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that hangs on a message; its bytes stay at the platform until they are fetched."""

    id: str
    name: str
    type: str
    size: int
    url: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean(self.name))


@dataclass(frozen=True, slots=True)
class Message:
    """One post, by a person, another bot, or us. A mention in `text` is written `<@ID>` on every platform."""

    id: str
    author: str
    text: str
    at: datetime
    mine: bool = False
    bot: bool = False
    parent: str | None = None
    """The message it replies to, where the platform has replies inside a channel."""
    answers: str | None = None
    """Ours only: the name of the question that this page answers."""
    notice: bool = False
    """Ours only: an apology, a refusal or a command's answer; never read back as Claude's words."""
    edited: datetime | None = None
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean(self.text))


class Asks(Enum):
    """Whether a message wants an answer."""

    NO = "no"
    PERHAPS = "perhaps"
    """A question only if its thread is ours; whether it is for us is decided when its turn comes."""
    CERTAINLY = "certainly"


@dataclass(frozen=True, slots=True)
class Question:
    """Something said that wants an answer.

    `name` is unique in its channel, and its reply is named after it. `address` is what the adapter needs
    to answer later, in JSON of its own. `command` is the line of a command, `values` what was given to it.
    """

    key: ThreadKey
    name: str
    person: str
    at: datetime
    asks: Asks = Asks.CERTAINLY
    address: str = "{}"
    alone: bool = False
    """It has a place of its own (`/ask`) and is answered alone."""
    private: bool = False
    """Only the asker sees the answer; nothing of it is kept afterwards."""
    command: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """A message was posted. `key.thread` is its thread, or what it replies to, or itself if it begins one."""

    id: str
    key: ThreadKey
    message: Message
    asks: Asks = Asks.NO
    address: str = "{}"
    alone: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class Edited:
    """A message's words changed; `message` is what the platform shows now."""

    id: str
    key: ThreadKey
    message: Message


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message is gone. `key.thread` may be empty: a message's id is enough to find it in its channel."""

    id: str
    key: ThreadKey
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pressed:
    """A person pressed a button. `stop` ends the reply to `question` (or every one in the thread)."""

    id: str
    key: ThreadKey
    person: str
    button: str
    question: str | None = None


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


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of these workspaces may have been missed; none named means all of the platform's."""

    id: str
    platform: str
    workspaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class File:
    """A file that we post with a reply. `alt` says in words what a picture shows, to those who can't see it."""

    name: str
    type: str
    content: bytes
    alt: str = ""
    drawn: str = ""
    """The picture in characters, for where no pictures are shown."""

    @property
    def words(self) -> str:
        """What stands for the file where there is only text."""
        return self.drawn or self.alt or self.content.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answers."""

    text: str
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was missed in a workspace has been looked for, and all of it was told."""

    id: str
    workspace: str


Event = Said | Edited | Deleted | Pressed | Commanded | Gap | CaughtUp


@dataclass(frozen=True, slots=True)
class Missed:
    """What a gap may hold in a workspace: all that was said `since`. `threads` are ours, the liveliest first."""

    workspace: str
    since: datetime
    threads: tuple[ThreadKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of an event: whether it was new, whether its thread is ours, whether it left a question."""

    new: bool
    ours: bool
    question: bool
    key: ThreadKey
    missed: tuple[Missed, ...] = ()
    """Of a gap: where to look for what was said to us in it. What is found is told like anything else."""


class Rank(IntEnum):
    """What a person may do in a place, on the platform's word."""

    GUEST = -1
    """Not of this workspace, or only of some of its channels."""
    MEMBER = 0
    MANAGER = 1
    OWNER = 2


class Reach(Enum):
    """How much of a thread a history shows."""

    WHOLE = "whole"
    TAIL = "tail"
    """Everything since the first message shown."""
    CHAIN = "chain"
    """These messages and nothing about the others."""


@dataclass(frozen=True, slots=True)
class History:
    """What the platform shows now, oldest first. `gone` are ids that it says are deleted."""

    messages: tuple[Message, ...]
    reach: Reach = Reach.WHOLE
    gone: frozenset[str] = frozenset()


Hear = Callable[[Event], Awaitable[Heard]]
