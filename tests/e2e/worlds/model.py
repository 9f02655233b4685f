"""What was said in a world, by whom and where, and what Claude answered: the plain truth that a store must equal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WORD = re.compile(r"w\d{4}w")
LINE = "and so on, and on, and on, in words that nobody has to remember for long afterwards."
FEW = "Here is what I think of it, in a few words."


@dataclass(frozen=True, slots=True)
class Room:
    """A place to talk. `people` may speak there; in a `chain` messages name what they reply to."""

    platform: str
    name: str
    workspace: str
    people: tuple[str, ...]
    chain: bool = False
    whole: bool = False
    """All of it is one conversation."""
    direct: bool = False


@dataclass(slots=True)
class Conversation:
    """What belongs together. Every text in it carries its `mark`, and no other text does."""

    mark: str
    room: Room
    root: str = ""


@dataclass(slots=True)
class Spoken:
    """A message of somebody's, and what has become of it. The last of `words` is what it says now."""

    id: str
    conversation: Conversation
    person: str
    certain: bool
    other: bool
    words: list[str]
    deleted: bool = False
    """It is gone from the platform."""
    frame: str = "{}"
    file: str = ""
    """The name of the file that hangs on it."""
    content: bytes = b""
    """What is in that file; in a picture one that no other has."""

    @property
    def text(self) -> str:
        """What the platform shows."""
        return self.frame.format(f"{self.conversation.mark} {self.words[-1]}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that Claude received, and what it was told to answer."""

    body: str
    roles: tuple[str, ...]
    answer: str
    stale: frozenset[str]
    """Words that were deleted, or changed, and were known to be before the request was made."""


@dataclass(slots=True)
class Truth:
    """All of it."""

    conversations: list[Conversation] = field(default_factory=list)
    spoken: dict[tuple[str, str], Spoken] = field(default_factory=dict)
    """By room and id."""
    asked: list[Asked] = field(default_factory=list)
    heard: list[tuple[str, str, bool, bool]] = field(default_factory=list)
    """Channel and id of each message that was safe on disk, whether its thread was ours, and whether it left a question."""
    removed: set[tuple[str, str]] = field(default_factory=set)
    """Questions of whose answers a person deleted a page."""
    stopped: set[str] = field(default_factory=set)
    """Marks of conversations in which somebody pressed Stop."""
    told: set[tuple[str, str]] = field(default_factory=set)
    """Ids of messages with a word that an edit of them was heard to say, or with "" if their deletion was heard."""
    early: set[str] = field(default_factory=set)
    """Messages whose deletion was heard before they were."""
    stale: set[str] = field(default_factory=set)
    """Words that nobody may be told of any more."""
    _number: int = 0

    def ours(self, conversation: Conversation) -> bool:
        """Whether somebody has asked us in it."""
        heard = {name for _, name, ours, _ in self.heard if ours}
        return any(one.id in heard for one in self.spoken.values() if one.conversation is conversation)

    def changed(self, name: str, text: str) -> None:
        """An edit was heard."""
        if self._placed(name):
            self.told |= {(name, word) for word in WORD.findall(text)}

    def deleted(self, name: str) -> None:
        """A deletion was heard."""
        if not any(name == heard for _, heard, _, _ in self.heard):
            self.early.add(name)
        if self._placed(name):
            self.told.add((name, ""))

    def _placed(self, name: str) -> bool:
        """Whether the conversation of a message can be known. In a channel of Discord's the message alone tells it.

        There, what overtakes its message says nothing; Discord itself keeps that order.
        """
        chained = any(one.id == name and one.conversation.room.chain for one in self.spoken.values())
        return not chained or any(name == heard and ours for _, heard, ours, _ in self.heard)

    def known(self) -> None:
        """All that was heard is settled: what it took back may be nowhere from here on."""
        for spoken in self.spoken.values():
            if (spoken.id, "") in self.told:
                self.stale.update(spoken.words, {spoken.file} - {""})
            for at, word in enumerate(spoken.words):
                if (spoken.id, word) in self.told:
                    self.stale.update(spoken.words[:at])

    def number(self) -> int:
        self._number += 1
        return self._number

    def begin(self, room: Room, root: str = "") -> Conversation:
        conversation = Conversation(f"q{self.number():04}q", room, root)
        self.conversations.append(conversation)
        return conversation

    def word(self) -> str:
        return f"w{self.number():04}w"

    def answer(self, *, long: bool = False) -> str:
        """Words that Claude says once."""
        name = f"a{self.number():04}a"
        return "\n\n".join([f"{name} {FEW}", *([f"{name} {LINE}"] * 90 if long else [])])

    def received(self, body: Mapping[str, Any], answer: str) -> None:
        blocks = [block for turn in body["messages"] for block in turn["content"]]
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        roles = tuple(turn["role"] for turn in body["messages"])
        self.asked.append(Asked("\n".join(texts), roles, answer, frozenset(self.stale)))
