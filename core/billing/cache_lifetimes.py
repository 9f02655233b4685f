"""Cache lifetimes: for how long a prompt is cached, chosen by how people of a workspace pause between their questions.

What is written to Claude's cache costs 1.25 times its input where it is kept for five minutes, and twice that much
where it is kept for an hour; what is read from it costs a tenth (https://platform.claude.com/docs/en/build-with-claude/
prompt-caching). So an hour pays where the next question of a thread is likely to come later than five minutes and
within the hour. How likely that is depends on how the question before it came: who answers within a minute goes on so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

AUTO: Final = "auto"
TTL = Literal["5m", "1h"]
CacheSetting = Literal["auto", "5m", "1h"]
LIFETIMES: Mapping[TTL, timedelta] = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}

WRITE, LONGER, READ = 1.25, 0.75, 0.1  # of the price of input: a write for 5 minutes, what an hour adds, a read
EXPECTED = 0.35  # how many questions are followed by another one between 5 minutes and an hour, before any was seen
PRIOR, SMOOTHED = 4.0, 4.0  # questions for which the expectation counts, and what all of a workspace say for one kind


class Pause(StrEnum):
    """How long after the question before it, in its thread, a question came."""

    NONE = "none"
    """It is the first one."""
    SHORT = "short"
    """While the prompt was cached, whatever its lifetime."""
    MIDDLE = "middle"
    """While it was cached if that was for an hour."""
    LONG = "long"


@dataclass(frozen=True, slots=True)
class PauseRecord:
    """One question for the histogram: how it came, and how the one before it had come, if there was one."""

    came: Pause
    before: Pause | None = None


@dataclass(frozen=True, slots=True)
class PauseHistogram:
    """How questions of a workspace came, and how the next one followed them."""

    asked: Mapping[Pause, int] = field(default_factory=dict)
    """How many questions came after such a pause."""
    followed: Mapping[Pause, int] = field(default_factory=dict)
    """How many of those were followed by another one after a middle pause."""

    def expect_middle(self, came: Pause) -> float:
        """How likely a question that came so is followed by one after a middle pause, from 0 to 1."""
        everywhere = (sum(self.followed.values()) + PRIOR * EXPECTED) / (sum(self.asked.values()) + PRIOR)
        return (self.followed.get(came, 0) + SMOOTHED * everywhere) / (self.asked.get(came, 0) + SMOOTHED)


def measure_pause(before: datetime | None, at: datetime) -> Pause:
    """The pause between two questions; clocks that go back make it short."""
    if before is None:
        return Pause.NONE
    gap = at - before
    return Pause.SHORT if gap < LIFETIMES["5m"] else Pause.MIDDLE if gap < LIFETIMES["1h"] else Pause.LONG


def record_pause(asked: Sequence[datetime]) -> PauseRecord:
    """What the last of these times of questions, oldest first, adds to the histogram."""
    came = [measure_pause(before, at) for before, at in zip([None, *asked], asked, strict=False)]
    return PauseRecord(came[-1], came[-2] if len(came) > 1 else None)


def choose_lifetime(
    setting: CacheSetting, asked: Sequence[datetime], sizes: Sequence[int], histogram: PauseHistogram
) -> TTL:
    """The lifetime that is set, or else likely to cost least for the last of a thread's prompts.

    `asked` are the times of its questions, oldest first, and `sizes` the tokens of their prompts; where there are more
    of one, its oldest are left out. For those before the last one it is worked out what was chosen for them, so that
    nothing need be kept of it.
    """
    if setting != AUTO:
        return setting
    many = min(len(asked), len(sizes))
    chosen: TTL = "5m"
    before, cached = None, 0
    for at, size in zip(asked[len(asked) - many :], sizes[len(sizes) - many :], strict=True):
        kept = before is not None and at - before < LIFETIMES[chosen]
        chosen = _choose(histogram.expect_middle(measure_pause(before, at)), size, size - cached if kept else size)
        before, cached = at, size
    return chosen


def _choose(middle: float, size: int, written: int) -> TTL:
    """An hour where what it saves, if the next question comes after a middle pause, is more than it costs now."""
    again = WRITE + LONGER * middle - READ  # what it costs to write a token anew in place of reading it
    return "1h" if middle * size * again > LONGER * written else "5m"
