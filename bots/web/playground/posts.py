"""Posts of the playground: what stands in a conversation, as it is kept and told. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from pydantic import TypeAdapter

from core.commands import TABLE
from core.commands.registry import is_answered_privately
from core.domain.controls import Control
from core.domain.events import Commanded, Deleted, Edited, Posted
from core.domain.messages import Asks, Attachment, File, Message, Question, ThreadKey
from core.store.records.posts.stored_posts import StoredPost

WORKSPACE = "web:playground"
POSTED, EDITED, DELETED, COMMANDED = "posted", "edited", "deleted", "commanded"  # what waits to be ingested


@dataclass(frozen=True, slots=True)
class HungFile:
    """A file that hangs on a post; its bytes are kept beside."""

    id: str
    """The digest of its bytes."""
    name: str
    type: str
    size: int
    alt: str = ""


@dataclass(frozen=True, slots=True)
class PlaygroundPost:
    """What stands in one place of a conversation: a message, a command, or an answer of ours to a question."""

    name: str
    person: str
    """Whose words it holds: its author, or who asked what it answers."""
    text: str
    at: datetime
    question: str | None = None
    """Ours only: the name of the question that it answers."""
    notice: bool = False
    plain: bool = False
    """Its words are shown as they are, and not drawn as Markdown."""
    whole: bool = True
    activity: str = ""
    controls: tuple[Control, ...] = ()
    subject: str = ""
    """What its controls are about."""
    files: tuple[HungFile, ...] = ()
    edited: datetime | None = None
    command: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    """What a command was given beside its line."""
    private: bool = False
    """Only its person sees it; it is kept nowhere."""

    @property
    def mine(self) -> bool:
        return self.question is not None

    @property
    def order(self) -> str:
        """Sorts posts by their time."""
        return f"{self.at.timestamp():020.6f} {self.name}"


_POSTS = TypeAdapter(PlaygroundPost)


def name_reply(question: Question) -> str:
    """The name of the one post that answers a question, whichever process writes it."""
    return f"{question.name}.1"


def hang_file(file: File) -> HungFile:
    """A file as its post tells of it."""
    return HungFile(sha256(file.content).hexdigest(), file.name, file.type, len(file.content), file.alt)


def list_attachments(post: PlaygroundPost) -> tuple[Attachment, ...]:
    """The files of a message, as Claude is told of them."""
    return tuple(Attachment(one.id, one.name, one.type, one.size) for one in post.files)


def read_post(stored: StoredPost) -> PlaygroundPost:
    return parse_body(stored.body)


def parse_body(body: str) -> PlaygroundPost:
    return _POSTS.validate_json(body)


def store_post(key: ThreadKey, post: PlaygroundPost, waiting: str = "") -> StoredPost:
    """A post as the store keeps it, with what of it has still to be ingested."""
    body = _POSTS.dump_json(replace(post, activity=""), exclude_defaults=True).decode()
    return StoredPost(key, post.name, post.person, post.at, body, waiting)


def read_message(post: PlaygroundPost) -> Message:
    """A post as a message of its conversation."""
    author = "" if post.mine else post.person
    return Message(
        post.name,
        author,
        post.text,
        post.at,
        mine=post.mine,
        answers=post.question,
        notice=post.notice or post.command,
        edited=post.edited,
        attachments=() if post.mine else list_attachments(post),
    )


def build_event(key: ThreadKey, post: PlaygroundPost, kind: str) -> Posted | Edited | Deleted | Commanded:
    """What a post tells the core, the same however often it does."""
    match kind:
        case "posted":
            return Posted(post.name, key, read_message(post), Asks.CERTAINLY)
        case "edited":
            when = post.edited or post.at
            return Edited(f"{post.name}:{when.timestamp()}", key, read_message(post), Asks.CERTAINLY)
        case "deleted":
            return Deleted(f"{post.name}:deleted", key, post.name, post.edited or post.at)
        case "commanded":
            return build_command(key, post)
    raise ValueError(f"{kind} is nothing that can wait")


def build_command(key: ThreadKey, post: PlaygroundPost) -> Commanded:
    """What a command says."""
    line, private = post.text.removeprefix("/"), is_private(post.text)
    files = list_attachments(post)
    return Commanded(post.name, key, post.person, line, post.at, post.values, private=private, attachments=files)


def is_command(text: str) -> bool:
    """Whether a line is a command; `/etc/hosts` is none."""
    word, *_ = text.split(maxsplit=1) or [""]
    return len(word) > 1 and word.startswith("/") and "/" not in word[1:]


def is_private(text: str) -> bool:
    """Whether a command is answered to who gives it alone."""
    return is_answered_privately(TABLE, text.removeprefix("/"))
