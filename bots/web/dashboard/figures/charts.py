"""Charts: figures as rectangles of an SVG, in percent of its width and pixels of its height, so no text is stretched.

Colours are the style sheet's, by the names of the series.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEIGHT = 144  # pixels
FILL = 0.76  # of the width that a column may have
WIDEST = 12.0  # percent of the chart that a column takes at most, where there are few


@dataclass(frozen=True, slots=True)
class Point:
    """A column: what it is called, its parts from the bottom, and all of it in words."""

    label: str
    parts: tuple[int, ...]
    words: str

    @property
    def total(self) -> int:
        return sum(self.parts)


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of a column. `series` counts from 1."""

    x: str
    width: str
    y: float
    height: float
    series: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its parts; `x` and `width` are those of the place where a pointer finds it."""

    x: str
    width: str
    words: str
    parts: tuple[Rectangle, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns side by side; `top` is the highest one in words, and the labels are of the first and the last."""

    columns: tuple[Column, ...]
    top: str
    first: str
    last: str
    height: int = HEIGHT


def draw_columns(points: Sequence[Point], write: Callable[[int], str]) -> Chart | None:
    """A chart of points from left to right; None where all of them are nothing."""
    most = max((point.total for point in points), default=0)
    if most <= 0:
        return None
    slot = 100 / len(points)
    columns = (_draw_column(point, number * slot, slot, most) for number, point in enumerate(points))
    return Chart(tuple(columns), write(most), points[0].label, points[-1].label)


def measure_bar(value: int, most: int) -> str:
    """How long a bar is beside the longest one, in percent."""
    return f"{max(0, value) * 100 / most:.2f}%" if most > 0 else "0%"


def _draw_column(point: Point, x: float, slot: float, most: int) -> Column:
    width, floor = min(slot * FILL, WIDEST), float(HEIGHT)
    parts = []
    for series, value in enumerate(point.parts, 1):
        height = max(0, value) * HEIGHT / most
        floor -= height
        if height:
            left = x + (slot - width) / 2
            parts.append(Rectangle(f"{left:.3f}%", f"{width:.3f}%", round(floor, 2), round(height, 2), series))
    return Column(f"{x:.3f}%", f"{slot:.3f}%", point.words, tuple(parts))
