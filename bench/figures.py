"""Figures: what was measured of both sides, and the goal that it is held against."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure in one case. `goal` is what `confab` may be at most: times `limit`, or where there is none, as it is."""

    part: str
    case: str
    measure: str
    unit: str
    limit: float | None
    confab: float
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.confab / self.limit if self.limit else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return (self.confab if self.ratio is None else self.ratio) <= self.goal


def at(values: Sequence[float], part: float) -> float:
    """The value below which so great a part of all is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
