"""What becomes of pictures in results: core.tools.pictures."""

import base64

import pytest

from core.domain.content import Image, Text
from core.tools.pictures import read_picture
from tests.support.drawings import draw, print_pages


def encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def test_a_picture_is_what_its_bytes_say():
    shown = await read_picture(encode(draw(kind="BMP")))

    assert isinstance(shown, Image)
    assert (shown.type, shown.width, shown.height) == ("image/png", 40, 30)


BROKEN = {
    "no base64": ("?", "[chart.png is broken.]"),
    "nothing": ("", "[chart.png can't be shown: "),
    "a PNG of which only the first bytes are right": (encode(draw()[:8] + b"x" * 500), "[chart.png can't be shown: "),
    "a PNG that ends too early": (encode(draw(size=(400, 300))[:-300]), "[chart.png can't be shown: "),
    "a JPEG with nothing in it": (encode(b"\xff\xd8\xff\xe0" + b"x" * 500), "[chart.png can't be shown: "),
    "a document": (encode(print_pages(1)), "[chart.png can't be shown: it is no picture]"),
    "words": (encode(b"words"), "[chart.png can't be shown: "),
}


@pytest.mark.parametrize(("data", "note"), BROKEN.values(), ids=BROKEN)
async def test_what_can_t_be_shown_is_a_note(data, note):
    told = await read_picture(data, "chart.png")

    assert isinstance(told, Text)
    assert told.text.startswith(note)
