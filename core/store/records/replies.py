"""Stored replies: whom one answers, what is left to take away of one that is deleted, and what can be asked again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.domain.messages import FinalText, Question, ThreadKey
from core.domain.personas import Draft

PAGES, FILES = "pages", "files"  # values of a command that deletes a reply: what it still has to take away

ListFiles = Callable[[FinalText], Sequence[str]]
"""What the files are called that were posted with a final text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reply answers: the question that it is named after, and all who asked."""

    name: str
    people: frozenset[str]


@dataclass(frozen=True, slots=True)
class DeletedReply:
    """A reply of which nothing is kept: its pages on the platform, and the names of the files posted with it."""

    pages: tuple[str, ...]
    files: tuple[str, ...] = ()

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> "DeletedReply | None":
        """Read what `dump` wrote among a command's values; None where it deleted nothing yet."""
        if PAGES not in values:
            return None
        return cls(tuple(json.loads(values[PAGES])), tuple(json.loads(values[FILES])))

    def dump(self) -> dict[str, str]:
        """Write it as values of the command."""
        return {PAGES: json.dumps(self.pages), FILES: json.dumps(self.files)}


@dataclass(frozen=True, slots=True)
class PastQuestion:
    """A question that was answered, or got a notice in the place of an answer, and whose words are kept."""

    question: Question
    rooted: bool
    """Whether its thread has the name of a message of the channel."""
    words: str
    final: FinalText | None
    """What Claude answered; None where that is no answer of Claude's, or nothing is kept of it."""
    micro_usd: int | None
    """What all that was asked for it has cost; None where no price is known."""


class Trials(Protocol):
    """What personas are tried on, and what came of it. Each method is one unit of work."""

    async def list_questions(self, place: ThreadKey, last: int) -> Sequence[PastQuestion]:
        """The last questions of a thread, or with an empty thread of the channel, oldest first."""

    async def find_draft(self, key: ThreadKey, person: str, name: str | None = None) -> Draft | None:
        """What a person tried in a command of this name, else last in this channel; None where none is kept."""
