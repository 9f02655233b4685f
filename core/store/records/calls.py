"""Stored calls: the tools that open answers use, how far each call is, and how long one waits for a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from core.domain.messages import ThreadKey
from core.domain.tools import ToolCall

PATIENCE = timedelta(hours=1)  # that a call waits for a person's word
CLOSED = "#"  # how a call is named from then on where its answer is closed: with its number behind it
TRIES = 3  # processes that may die over the same call


class CallState(Enum):
    """How far a call is."""

    WAITING = "waiting"
    """It acts, and nobody has said whether it may."""
    ALLOWED = "allowed"
    DENIED = "denied"
    EXPIRED = "expired"
    """Nobody said in time whether it may."""
    BEGUN = "begun"
    ENDED = "ended"
    UNCERTAIN = "uncertain"
    """It acts, and a process died over it: whether it has acted nobody knows."""
    DROPPED = "dropped"
    """Its answer has begun again, and goes on without it."""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as it stands. `number` counts the calls of a question's answer from 1."""

    call: ToolCall
    number: int
    acts: bool
    state: CallState
    tries: int = 0
    """How many processes began it."""
    result: str | None = None
    """What came of it, as JSON."""
    person: str | None = None
    """Who said whether it may act, where a person was asked about it."""

    @property
    def closed(self) -> bool:
        """Whether its answer was closed since, and the question is answered anew: no word of the call is kept then."""
        return self.call.id.startswith(CLOSED)


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call about which a person is asked: where, what it uses, who asked for it, and until when it waits."""

    key: ThreadKey
    tool: str
    person: str
    until: datetime
