"""The manual shows every page, in light and dark, in pictures that stay small."""

import re

from PIL import Image

from tests.support.browser import NARROW, WIDE
from tests.support.page_pictures import DRAWN, FOLDER, GAP, SCHEMES

LARGEST = 100_000  # bytes


def test_the_manual_has_a_small_picture_of_each_page_as_a_screen_and_a_telephone_show_it():
    wanted = {f"{name}-{scheme}.png" for name in DRAWN for scheme in SCHEMES}
    sizes = {one.name: one.stat().st_size for one in FOLDER.iterdir()}
    shown = re.findall(r"pages/(\S+?\.png)", (FOLDER.parent / "dashboard-pages.md").read_text())

    assert set(sizes) == wanted
    assert sorted(shown) == sorted(wanted)
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}
    for name in wanted:
        with Image.open(FOLDER / name) as picture:
            assert picture.width == WIDE["width"] + GAP + NARROW["width"]
