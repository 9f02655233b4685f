"""Messages: the nouns of chat, such as threads, messages, questions, final texts, and the ranks of people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum

from core.domain.controls import Control
from core.domain.personas import Draft

MESSAGE = "message"  # the value that names the message in whose menu something was chosen
HEADING = "heading"  # the value of a run that begins what its answer says first: which schedule it is of, and when
SINCE_RUN = "since_run"  # the value of a run that tells when the one before was due
MENTION = "mention"  # the value of a run that posts results: who is told of them by it, nobody where it is empty
ZONE = "zone"  # the value of a run that names the time zone of its schedule
THREAD = "thread"  # the value that names that message's thread, where an answer about it may be posted


def clean_text(text: str) -> str:
    """`text` sanitised for SQLite and JSON: no NUL, no lone surrogate; surrogate pairs become one character."""
    whole = text.replace("\0", "")
    return whole if whole.isascii() else whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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
    quoted: bool = False
    """It hangs on what the message forwards, and is not its author's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean_text(self.name))


class QuoteKind(Enum):
    """How words came to hang on a message."""

    FORWARD = "forward"
    PREVIEW = "preview"
    """Of a link in it."""
    VIEWED = "viewed"
    """Its author had them open beside it."""
    SUBJECT = "subject"
    """Of the message that a question is about, chosen in its menu."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that a message carries and its author did not say: they ask nothing, command nothing, mention nobody."""

    text: str
    kind: QuoteKind = QuoteKind.FORWARD
    author: str = ""
    """Who said them, by id as `<@ID>`, else by the name that the platform shows; empty where it does not tell."""
    link: str = ""
    """Where they stand; empty where that is not told."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean_text(self.text))
        object.__setattr__(self, "author", clean_text(self.author))


@dataclass(frozen=True, slots=True)
class Message:
    """One post, by a person, another bot, or us.

    In `text`, which holds the words of its author alone, a mention is written `<@ID>` and a channel `<#ID>` on every
    platform, where the name is not known yet.
    """

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
    quotes: tuple[Quote, ...] = ()
    speaker: str = ""
    """The name that stands above this message alone: a webhook speaks under many."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean_text(self.text))
        object.__setattr__(self, "speaker", clean_text(self.speaker))

    @property
    def voice(self) -> str:
        """Whom its words are told of: the author, or one of the names that a webhook speaks under."""
        return f"{self.author}/{self.speaker}" if self.speaker else self.author


class Asks(Enum):
    """Whether a message wants an answer."""

    NO = "no"
    PERHAPS = "perhaps"
    """A question only if its thread is ours; whether it is for us is decided when its turn comes."""
    CERTAINLY = "certainly"


@dataclass(frozen=True, slots=True)
class Question:
    """A message or command that wants an answer.

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
    continues: str | None = None
    """It says nothing of its own: the answer to this question is to go on where it was cut."""
    attachments: tuple[Attachment, ...] = ()
    """Files that hang on the message of a command that takes them."""
    schedule: int | None = None
    """It is a run of this schedule: nobody has just asked it, and the first page of its answer begins a thread."""
    homes: tuple[str, ...] | None = None
    """Of direct messages, known when it is answered: the workspaces that the asker shares with us. Not stored."""

    @property
    def stands_alone(self) -> bool:
        """Whether it is answered with no other question."""
        return self.alone or self.private or self.command is not None

    @property
    def about(self) -> str | None:
        """The message that it asks about, whose menu it was chosen in."""
        return self.values.get(MESSAGE) if self.command is None else None


class Outcome(Enum):
    """How a question was closed."""

    SHOWN = "shown"
    CARRIED_OUT = "carried out"
    """A command was: what it says is a notice."""
    REFUSED = "refused"
    """A notice was shown in place of an answer: an error, a budget."""
    NOT_FOR_US = "not for us"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    """Nobody can be shown the answer any more: a private token ran out, a channel is gone."""


class Unanswered(Enum):
    """Why a question got no answer, where later prompts have to know it."""

    REFUSED = "refused"
    """Claude declines what was said: telling it again would be declined again."""
    PARKED = "parked"
    """It waits, or waited, for a person: its answer stands where it was given, and a note where it began to wait."""
    DECLINED = "declined"
    """Who asked may not, or a budget forbids it: nobody else's question may bring them the answer."""


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that a tool made for an answer: one of ours, or one that Anthropic keeps under an id."""

    name: str = ""
    """Empty where it has still to be asked for."""
    type: str = ""
    """Its media type."""
    text: str = ""
    base64: str = ""
    """Its bytes, where it is no text."""
    alt: str = ""
    """What a picture shows, in words."""
    file_id: str = ""
    api_key: str = ""
    """The fingerprint of the key with which Anthropic keeps it."""


@dataclass(frozen=True, slots=True)
class FinalText:
    """The final words of a reply, kept the moment they are known. From here a restart only shows them."""

    text: str
    notice: bool = False
    after: str | None = None
    """The last message that Claude had read: the reply stands behind it."""
    unanswered: Unanswered | None = None
    cut: str | None = None
    """Claude was cut off and can go on: the line that opens the code block it was in, empty outside of any."""
    continues: str | None = None
    """The question whose answer it goes on with, as its own question has it."""
    made: tuple[MadeFile, ...] = ()
    """Files that tools made for it, in their order; they are posted with it."""
    draft: Draft | None = None
    """The persona that was tried for it, which its asker may keep."""
    offers: tuple[Control, ...] = ()
    """What people may do with the batch that it is about."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that we post with a reply. `alt` says in words what a picture shows, to those who can't see it."""

    name: str
    type: str
    content: bytes
    alt: str = ""
    drawn: str = ""
    """The picture in characters, for where no pictures are shown."""
    told: bool = False
    """The reply's text has all of it."""
    kept: bool = False
    """It is for keeping, and not for reading: a terminal writes it to disk."""
    again: str = ""
    """How people have it posted again, where it could not be: a sentence. It is kept until it hangs there."""

    @property
    def words(self) -> str:
        """What stands for the file where there is only text: nothing, where the text has it already, or a disk."""
        return "" if self.told or self.kept else self.drawn or self.alt or self.content.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command answers."""

    text: str
    files: tuple[File, ...] = ()
    offers: tuple[Control, ...] = ()
    """What people may do with the batch that it is about."""
    waits: int | None = None
    """It is not the end: the command goes on once more than so many changes happened to its batch."""


class Rank(IntEnum):
    """What a person may do in a place, on the platform's word."""

    GUEST = -1
    """Not of this workspace, or only of some of its channels."""
    MEMBER = 0
    MANAGER = 1
    OWNER = 2


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What a permalink names: a message, and where that stands, by ids of the platform's own."""

    message: str
    """Empty where a thread is named, or all of a channel."""
    at: str


@dataclass(frozen=True, slots=True)
class PastRange:
    """Which messages of a channel, or of one of its threads, somebody wants read: the newest `last` of them."""

    thread: str
    """Empty for the channel itself."""
    last: int
    since: datetime | None = None
    """None of them is older."""


@dataclass(frozen=True, slots=True)
class PastMessages:
    """What was read, oldest first. `cut` says in a sentence why there is less than the platform has; often empty."""

    messages: tuple[Message, ...]
    cut: str = ""


class Reach(Enum):
    """How much of a thread a history shows."""

    WHOLE = "whole"
    TAIL = "tail"
    """Everything since the first message shown."""
    CHAIN = "chain"
    """These messages and nothing about the others."""


@dataclass(frozen=True, slots=True)
class History:
    """What the platform shows now, oldest first.

    `gone` are ids that it says are deleted, `unasked` those of messages that ask nothing since they were edited;
    `beside` are messages that it shows elsewhere, as far as they were asked for.
    """

    messages: tuple[Message, ...]
    reach: Reach = Reach.WHOLE
    gone: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()
    beside: tuple[Message, ...] = ()
