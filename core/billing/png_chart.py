"""Bar chart: a PNG picture that can be read on dark and on light ground."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

PAPER, INK, RULE, BARS = "#f5f4ef", "#22211f", "#d5d3c9", "#b65c38"  # an opaque paper of its own, on either ground
LONGEST = 80  # characters of a label
TITLE = 90  # characters of a line of the title, which are as many as fit
WIDTH, LINE, ROOM, DPI = 8.0, 0.34, 1.3, 160  # inches wide, inches a bar, inches around; dots an inch


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `value` sets its length, `words` stand at its end."""

    label: str
    value: float
    words: str


def draw_chart(title: str, bars: Sequence[Bar]) -> bytes:
    """Draw a PNG with one bar a line, the first on top, below a title of one or two lines.

    It takes a tenth of a second, and the first one a second.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  most processes never draw

    figure = Figure((WIDTH, ROOM + LINE * max(1, len(bars))), dpi=DPI, facecolor=PAPER, layout="constrained")
    axes = figure.add_subplot(facecolor=PAPER)
    head = "\n".join(_replace_missing_glyphs(line, TITLE) for line in title.split("\n", 1))
    figure.suptitle(head, x=0.01, ha="left", size=10.5, color=INK, weight="bold", parse_math=False)
    drawn_bars = axes.barh(range(len(bars)), [bar.value for bar in bars], color=BARS, height=0.7)
    axes.bar_label(drawn_bars, [bar.words for bar in bars], padding=4, color=INK, parse_math=False)
    axes.set_yticks(range(len(bars)), [_replace_missing_glyphs(bar.label) for bar in bars], color=INK, parse_math=False)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlim(left=0)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "left")
        spine.set_color(RULE)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _replace_missing_glyphs(text: str, longest: int = LONGEST) -> str:
    """`text` with a dot for each character that the font lacks: it has most alphabets, no Chinese, few emoji."""
    glyphs = _load_glyphs()
    text = text if len(text) <= longest else f"{text[:longest]}…"
    return "".join(sign if ord(sign) in glyphs else "·" for sign in text)


@cache
def _load_glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415  most processes never draw

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())
