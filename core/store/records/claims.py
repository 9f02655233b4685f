"""Claims: which question a process answers now, and with which others."""

from dataclasses import dataclass
from datetime import datetime

from core.domain.messages import FinalText, Question


@dataclass(frozen=True, slots=True)
class Claim:
    """A question that this process answers now, and those that are answered with it, oldest first."""

    id: int
    question: Question
    process: str
    together: tuple[Question, ...] = ()
    pages: tuple[str, ...] = ()
    final_text: FinalText | None = None
    resumed: bool = False
    """Another process had it before: pages may exist that were never written down."""
    edited: str | None = None
    """When the newest edit of these questions was made, as a stamp."""
    earlier: FinalText | None = None
    """What it said in the end before somebody let it be tried again; pages of that stand there."""
    told: str | None = None
    """It was parked: the newest message that Claude had been told by then, empty where that was none."""
    so_far: str = ""  # what Claude had said by then
    more: bool = True
    """Whether other questions may wait that this process could claim as well."""


@dataclass(frozen=True, slots=True)
class FirstStep:
    """With which persona an answer was begun: the number of its version, and whether that is the whole workspace's."""

    persona: int
    wide: bool
    at: datetime
