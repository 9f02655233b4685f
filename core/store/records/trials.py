"""Trials: questions that can be asked again, and what personas were tried on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.domain.messages import FinalText, Question, ThreadKey
from core.domain.personas import Draft

NOTHING_TO_KEEP = (
    "There is nothing to keep here. `persona try` shows what another persona would answer; that can be kept for a day."
)


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
