"""Turns: what Claude is told of a thread. The user begins, roles alternate, and nobody can speak for another."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from core.domain.messages import Attachment, FinalText, Message

LIMIT = 300_000  # bytes of UTF-8 told of one thread, about 100,000 tokens
LONGEST = 250_000  # bytes told of one message
NAME = 60  # characters of a speaker's name

MENTION = re.compile(r"<@([^\s<>@]+)>")
_UNSAFE = re.compile(r"[:\[\]<>@`*_~|\\]")
_OPENING = "[This thread begins with words of yours.]"
_WAITING = "[The message above your last words is not answered yet. Answer it now.]"
_OMITTED = "[Older messages are left out here.]"
_CUT = "\n[... {} characters are left out here ...]\n"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says until the other speaks. `messages` are the ids it was made of."""

    role: Literal["user", "assistant"]
    text: str
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    role: Literal["user", "assistant"]
    text: str
    message: str

    @property
    def size(self) -> int:
        return len(self.text.encode()) + 1


def turns(
    messages: Sequence[Message],
    replies: Mapping[str, FinalText],
    names: Mapping[str, str],
    limit: int = LIMIT,
) -> list[Turn]:
    """A thread's messages, oldest first, as alternating turns that begin and end with the user.

    `replies` holds what Claude said, by question; `names` how each person is called. A reply of many pages
    is one assistant turn, standing after the last message that Claude had read, or else at its first page.
    Above `limit` bytes, old entries go in steps of half the limit, counted from the thread's beginning, and
    the first stays: while the thread grows, its turns keep their beginning byte for byte between the steps.
    An empty thread has no turns.
    """
    entries = _cut(list(_entries(_placed(messages, replies), replies, names)), limit)
    told = [_turn(role, list(group)) for role, group in groupby(entries, key=lambda entry: entry.role)]
    if told and told[0].role == "assistant":
        told.insert(0, Turn("user", _OPENING))
    if told and told[-1].role == "assistant":
        told.append(Turn("user", _WAITING))
    return told


def trunk(messages: Iterable[Message]) -> list[Message]:
    """The conversation of a message that replies to none: all that reply to none."""
    return [message for message in messages if message.parent is None]


def people(messages: Iterable[Message]) -> set[str]:
    """Everyone who speaks or is mentioned, us not among the speakers."""
    found: set[str] = set()
    for message in messages:
        found.update(MENTION.findall(message.text))
        if not message.mine:
            found.add(message.author)
    return found


def introduce(told: Mapping[str, str], people: Iterable[str], shown: Mapping[str, str]) -> dict[str, str]:
    """How the people not told yet will be called, from the names that the platform shows, each unlike the rest.

    Names lose what could break a line or look like a heading, and a second Ada becomes `Ada (2)`.
    """
    taken = {_skeleton(name) for name in told.values()} | {"claude"}
    introduced: dict[str, str] = {}
    numbers: Counter[str] = Counter()  # of the namesakes of each; who has ten thousand is not counted up to each time
    for person in sorted(set(people) - set(told)):
        name = _label(shown.get(person, "")) or _label(person) or "someone"
        unique = name
        while _skeleton(unique) in taken:
            numbers[name] += 1
            unique = f"{name} ({numbers[name] + 1})"
        taken.add(_skeleton(unique))
        introduced[person] = unique
    return introduced


def described(attachment: Attachment) -> str:
    """An attachment in words."""
    kilobytes = max(1, round(attachment.size / 1000))
    return f"{_label(attachment.name) or 'a file'} ({_label(attachment.type) or 'unknown type'}, {kilobytes} kB)"


def _placed(messages: Sequence[Message], replies: Mapping[str, FinalText]) -> list[Message]:
    """The messages with each reply as one page, moved to stand after the last message that Claude had read."""
    others = {message.id for message in messages if not message.mine}
    pages: dict[str, list[Message]] = {}
    for message in messages:
        if message.mine and message.answers:
            pages.setdefault(message.answers, []).append(message)
    moved: dict[str, list[Message]] = {}
    order: list[Message] = []
    for message in messages:
        if not (message.mine and message.answers):
            order.append(message)
        elif message is pages[message.answers][0]:
            said = replies.get(message.answers)
            place = order if said is None or said.after not in others else moved.setdefault(said.after, [])
            place.append(_joined(pages[message.answers], said))
    return [one for message in order for one in (message, *moved.get(message.id, ()))]


def _joined(pages: Sequence[Message], said: FinalText | None) -> Message:
    first = pages[0]
    text = said.text if said is not None else "\n".join(page.text for page in pages)
    return Message(first.id, first.author, text, first.at, mine=True, notice=first.notice or bool(said and said.notice))


def _entries(
    messages: Sequence[Message], replies: Mapping[str, FinalText], names: Mapping[str, str]
) -> Iterable[_Entry]:
    for message in messages:
        if message.notice:
            continue
        text = message.text.strip() if message.mine else _lines(message, names)
        if text:
            yield _Entry("assistant" if message.mine else "user", text, message.id)


def _lines(message: Message, names: Mapping[str, str]) -> str:
    """A person's message: their name, a colon, their words; further lines are indented, so none can be another's."""
    name = names.get(message.author) or _label(message.author) or "someone"
    text = MENTION.sub(lambda found: "@" + names.get(found[1], found[1]), message.text)
    words = "\n  ".join(_shortened(text).strip().splitlines())
    said = [f"{name}{' (bot)' if message.bot else ''}: {words}"] if words else []
    attached = [f"[{name} attached {described(attachment)}]" for attachment in message.attachments]
    return "\n".join(said + attached)


def _shortened(text: str) -> str:
    """`text` with its middle left out where it is too long to be told whole."""
    if len(text.encode()) <= LONGEST:
        return text
    raw = text.encode()
    head, tail = raw[: LONGEST // 2].decode(errors="ignore"), raw[-LONGEST // 2 :].decode(errors="ignore")
    return head + _CUT.format(len(text) - len(head) - len(tail)) + tail


def _cut(entries: list[_Entry], limit: int) -> list[_Entry]:
    """The first entry and the newest ones. The cut moves only when they outgrow `limit`, then to half of it."""
    start, size = 1, 0
    for end, entry in enumerate(entries[1:], 1):
        size += entry.size
        if size + entries[0].size > limit:
            while start < end and size > limit // 2:
                size -= entries[start].size
                start += 1
    if start <= 1:
        return entries
    return [entries[0], _Entry("user", _OMITTED, ""), *entries[start:]]


def _turn(role: Literal["user", "assistant"], entries: list[_Entry]) -> Turn:
    between = "\n" if role == "user" else "\n\n"
    return Turn(role, between.join(e.text for e in entries), tuple(e.message for e in entries if e.message))


def _label(name: str) -> str:
    """`name` on one line, without what a reader or Claude could take for markup, a mention or a heading."""
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in unicodedata.normalize("NFKC", name))
    return " ".join(_UNSAFE.sub(" ", visible).split())[:NAME].strip()


def _skeleton(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
