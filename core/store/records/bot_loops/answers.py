"""Answers to bots: how many a channel has given while nobody was about, and what becomes of the next question."""

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import Protocol

from core.domain.messages import ThreadKey

Limits = Sequence[tuple[int, timedelta]]
"""How many answers bots are given in a channel, in how long, until a person writes there."""


class Verdict(Enum):
    """What becomes of a question."""

    ANSWER = "answer"
    SAY_SO = "say so"
    """It is the first that is not answered: say why."""
    SILENCE = "silence"


class BotAnswers(Protocol):
    """The answers that bots are given, over all processes. `ingest` begins anew where a person writes."""

    async def reach_verdict(self, key: ThreadKey, question: str, limits: Limits) -> Verdict:
        """Whether to answer a question of bots, which counts if so; the same for the same question for a day."""

    async def is_over(self, key: ThreadKey, question: str, limits: Limits) -> bool:
        """Whether a question of bots would get no answer now. It does not count by this."""
