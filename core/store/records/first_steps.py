"""First steps: with which persona an answer was begun."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FirstStep:
    """With which persona an answer was begun: the number of its version, and whether that is the whole workspace's."""

    persona: int
    wide: bool
    at: datetime
