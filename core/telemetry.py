"""Telemetry: events for metrics, health checks and log fields. None of them carries a word that a person wrote."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from core.domain.messages import Outcome, Question
from core.domain.usage import Usage


@dataclass(frozen=True, slots=True)
class AnswerBegun:
    """The first words of Claude's answer are known."""

    question: Question


@dataclass(frozen=True, slots=True)
class QuestionClosed:
    """A question was closed."""

    question: Question
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """A request to Claude ended: with a stop_reason, or the name of the error. Without `usage` it died."""

    model: str
    outcome: str
    usage: Usage | None
    micro_usd: int | None = None
    """What it cost, where that is known."""


@dataclass(frozen=True, slots=True)
class PlatformCalled:
    """A platform's API answered. `method` is one of a few: a route, never an address with ids in it."""

    platform: str
    method: str
    outcome: Literal["ok", "limited", "failed"]


@dataclass(frozen=True, slots=True)
class HeartbeatSent:
    """The heartbeat of this process was written."""

    processes: int = 1
    """How many processes share the database, this one with them."""


@dataclass(frozen=True, slots=True)
class ShardsCounted:
    """A platform's events come in several parts, of which this process listens to some."""

    platform: str
    count: int
    """How many parts there are."""
    held: int
    """To how many this process listens."""
    unheld: int
    """To how many nobody does just now."""
    starts_left: int | None = None
    """How many sessions the platform lets begin until it counts anew; None where it was not asked."""


@dataclass(frozen=True, slots=True)
class BackfillAdvanced:
    """What was missed in a workspace is looked for: so many of its channels and threads are still to be read."""

    workspace: str
    unread: int
    """0 where the look has ended, however it did."""


TelemetryEvent = (
    AnswerBegun | QuestionClosed | RequestEnded | PlatformCalled | HeartbeatSent | ShardsCounted | BackfillAdvanced
)
Emit = Callable[[TelemetryEvent], None]
"""A sink of events. It returns at once and never raises."""


def discard_event(_event: TelemetryEvent) -> None:
    """The sink where no metrics are wanted."""


current_question: ContextVar[Mapping[str, str] | None] = ContextVar("current_question", default=None)
"""The ids of the question that a task answers: every line logged meanwhile can carry them."""


def ids_of(question: Question) -> dict[str, str]:
    """The ids of a question, as fields of a log line."""
    return {"workspace": question.key.workspace, "channel": question.key.channel, "question": question.name}
