"""The chart: a picture that can be read anywhere, of whatever people are called."""

import struct
from io import BytesIO
from zoneinfo import available_timezones

import pytest
from matplotlib.image import imread

from core.billing.png_chart import BARS, DPI, INK, LINE, PAPER, ROOM, RULE, TITLE, WIDTH, Bar, draw_chart


def size(png: bytes) -> tuple[int, int]:
    """Width and height in dots, as the file itself says."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("count", [0, 1, 13, 31])
def test_it_has_one_line_a_bar_and_the_same_width_always(count):
    png = draw_chart("Cost", [Bar(f"name {number}", number, f"${number}") for number in range(count)])

    assert size(png) == (int(WIDTH * DPI), int((ROOM + LINE * max(1, count)) * DPI))


def test_the_longest_title_of_an_account_fits_whole():
    """Nothing is drawn at the edges: neither of the title nor of anything else."""
    longest = "This workspace, this month (2026-11-01 to 2026-11-30, America/Argentina/ComodRivadavia)"
    assert max(len(f"{name}") for name in available_timezones()) == len("America/Argentina/ComodRivadavia")

    picture = imread(BytesIO(draw_chart(f"Cost by channel\n{longest}", [Bar("a" * 20, 1, "$1,000.00")])))

    paper = picture[0, 0]
    assert len(longest) <= TITLE
    assert all((edge == paper).all() for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]))


@pytest.mark.parametrize(
    "label",
    [
        "Zoë 🦊",
        "日本語のチャンネル",
        "$x^2$ and $5",
        "$\\oops{$",
        "a\nb\tc",
        "\\frac{1}{2}",
        "x" * 300,
        "العربية",
        "_a_",
        "",
        "\x00",
    ],
    ids=[
        "emoji",
        "CJK",
        "dollars",
        "no formula",
        "lines",
        "backslashes",
        "long",
        "right to left",
        "underscores",
        "none",
        "zero",
    ],
)
def test_no_name_keeps_it_from_being_drawn_or_warns(label):
    assert size(draw_chart(f"Of {label}", [Bar(label, 1, "$1.00"), Bar("b", 0, "$0.00")]))[0] == WIDTH * DPI


def test_the_same_is_drawn_the_same():
    bars = [Bar("a", 1, "$1")]

    assert draw_chart("Cost", bars) == draw_chart("Cost", bars) != draw_chart("Cost", [Bar("b", 1, "$1")])


def test_words_can_be_read_and_bars_be_seen():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast(INK, PAPER) >= 7, "WCAG 2, level AAA, for words"
    assert contrast(BARS, PAPER) >= 3, "WCAG 2, level AA, for what is drawn"
    assert contrast(RULE, PAPER) > 1


def test_the_paper_is_opaque_so_that_no_ground_shines_through():
    picture = imread(BytesIO(draw_chart("Cost", [Bar("a", 1, "$1")])))

    assert picture.shape[2] == 3 or (picture[:, :, 3] == 1).all()
