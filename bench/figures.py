"""Figures: what was measured of both sides, and the goal that it is held against."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

NOISE = 0.1  # a part of the ratio, of what was measured once


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure in one case. `goal` is what `confab` may be at most: times `limit`, or where there is none, as it is.

    Where `more` is better, it is what it may be at least. `noise` is how far two runs lie from their middle, as a part of it.
    """

    part: str
    case: str
    measure: str
    unit: str
    limit: float | None
    confab: float
    goal: float | None = None
    more: bool = False
    noise: float = NOISE

    @property
    def ratio(self) -> float | None:
        return self.confab / self.limit if self.limit else None

    @property
    def value(self) -> float:
        """What is held against the goal."""
        return self.confab if self.ratio is None else self.ratio

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.more else self.value <= self.goal

    @property
    def missed(self) -> bool:
        """Whether the goal is not reached, by more than noise."""
        if self.goal is None or self.met:
            return False
        return self.value < self.goal / (1 + self.noise) if self.more else self.value > self.goal * (1 + self.noise)


def combine(rounds: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Each figure as the median of its rounds, whose spread is its noise."""
    return [_combine(found) for found in zip(*rounds, strict=True)]


def _combine(found: Sequence[Figure]) -> Figure:
    values = [one.value for one in found]
    middle = median(values)
    noise = (max(values) - min(values)) / 2 / middle if middle else 0.0
    limits = [one.limit for one in found if one.limit is not None]
    return replace(
        found[0],
        limit=median(limits) if limits else None,
        confab=median(one.confab for one in found),
        noise=noise,
    )


def at(values: Sequence[float], part: float) -> float:
    """The value below which so great a part of all is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
