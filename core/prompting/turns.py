"""Turns: a thread's messages as the alternating user and assistant turns of the Messages API."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from core.domain.messages import FinalText, Message
from core.prompting.speakers import quote_message
from core.rendering.reply_notes import remove_notes

LIMIT = 300_000  # bytes of UTF-8 told of one thread, about 100,000 tokens

_OPENING = "[This thread begins with words of yours.]"
_WAITING = "[The message above your last words is not answered yet. Answer it now.]"
_OMITTED = "[Older messages are left out here.]"


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


def build_turns(
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
    entries = _cut_oldest(list(_list_entries(_place_replies(messages, replies), replies, names)), limit)
    told = [_build_turn(role, list(group)) for role, group in groupby(entries, key=lambda entry: entry.role)]
    if told and told[0].role == "assistant":
        told.insert(0, Turn("user", _OPENING))
    if told and told[-1].role == "assistant":
        told.append(Turn("user", _WAITING))
    return told


def select_trunk(messages: Iterable[Message]) -> list[Message]:
    """The messages that reply to none, which are one conversation."""
    return [message for message in messages if message.parent is None]


def _place_replies(messages: Sequence[Message], replies: Mapping[str, FinalText]) -> list[Message]:
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
            place.append(_join_pages(pages[message.answers], said))
    return [one for message in order for one in (message, *moved.get(message.id, ()))]


def _join_pages(pages: Sequence[Message], said: FinalText | None) -> Message:
    first = pages[0]
    text = said.text if said is not None else "\n".join(page.text for page in pages)
    return Message(first.id, first.author, text, first.at, mine=True, notice=first.notice or bool(said and said.notice))


def _list_entries(
    messages: Sequence[Message], replies: Mapping[str, FinalText], names: Mapping[str, str]
) -> Iterable[_Entry]:
    for message in messages:
        if message.notice:
            continue
        text = remove_notes(message.text).strip() if message.mine else quote_message(message, names)
        if text:
            yield _Entry("assistant" if message.mine else "user", text, message.id)


def _cut_oldest(entries: list[_Entry], limit: int) -> list[_Entry]:
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


def _build_turn(role: Literal["user", "assistant"], entries: list[_Entry]) -> Turn:
    between = "\n" if role == "user" else "\n\n"
    return Turn(role, between.join(e.text for e in entries), tuple(e.message for e in entries if e.message))
