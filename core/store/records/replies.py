"""Stored replies: whom a reply answers, and what is left to take away of one that somebody has deleted."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.domain.messages import FinalText, Outcome

PAGES, FILES = "pages", "files"  # values of a command that deletes a reply: what it still has to take away

ListFiles = Callable[[FinalText], Sequence[str]]
"""What the files are called that were posted with a final text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reply answers: the question that it is named after, and all who asked."""

    name: str
    people: frozenset[str]


@dataclass(frozen=True, slots=True)
class GivenCommand:
    """A command that is carried out, or waits for that: its name, its line, by whom and in which thread."""

    name: str
    line: str
    person: str
    thread: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a question ended, and the question that its reply is named after: itself, or one it was answered with."""

    reply: str
    outcome: Outcome | None
    """None while it waits for a person, and no process answers it."""


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
