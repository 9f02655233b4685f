"""SVG drawings become pictures, and reach nothing outside of themselves. Tests core.files.converters.vectors."""

import io

import pytest
from PIL import Image

from core.files.converters.converted import Unreadable
from core.files.converters.vectors import BROKEN, SOURCE, draw_svg
from core.files.images import SIDE
from tests.support.documents import SVG
from tests.support.drawings import draw

pytestmark = pytest.mark.slow

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '


def look(content: str | bytes) -> Image.Image:
    drawn, _ = draw_svg(content.encode() if isinstance(content, str) else content)
    return Image.open(io.BytesIO(drawn)).convert("RGBA")


def test_a_drawing_becomes_a_picture_and_keeps_its_source():
    drawn, source = draw_svg(SVG)

    assert Image.open(io.BytesIO(drawn)).convert("RGB").getpixel((400, 200)) == (255, 0, 0)
    assert source == SVG.decode()


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ('width="40" height="20"', (800, 400)),
        ('width="30000" height="30000"', (SIDE, SIDE)),
        ('width="1" height="1000000"', (1, SIDE)),
        ('width="1e300" height="1"', (SIDE, 1)),
        ('viewBox="0 0 10 20"', (400, 800)),
        ('width="100%" height="100%" viewBox="0 0 3000 1500"', (SIDE, 1_000)),
        ('width="10in" viewBox="0 0 2 1"', (960, 480)),
        ('width="-5" height="0"', (800, 800)),
        ("", (800, 800)),
    ],
)
def test_a_drawing_is_as_large_as_it_reads_whatever_it_says(size, drawn):
    assert look(f"{HEAD}{size}/>").size == drawn


@pytest.mark.parametrize("href", ["href", "xlink:href"])
@pytest.mark.parametrize("begins", ["", "file://", " "])
def test_no_file_is_read(tmp_path, href, begins):
    (tmp_path / "secret.png").write_bytes(draw("red"))
    element = f'<image {href}="{begins}{tmp_path}/secret.png" width="40" height="40"/>'

    assert look(f'{HEAD}width="40" height="40">{element}</svg>').getextrema()[3] == (0, 0)


def test_a_picture_inside_of_it_is_drawn():
    import base64

    data = base64.b64encode(draw("red")).decode()
    element = f'<image href="data:image/png;base64,{data}" width="40" height="30"/>'

    assert look(f'{HEAD}width="40" height="30">{element}</svg>').getpixel((400, 300)) == (255, 0, 0, 255)


def test_words_are_drawn_with_a_font_that_is_always_there():
    element = '<text x="0" y="15" font-family="Nonesuch" font-size="15">WWW</text>'

    assert look(f'{HEAD}width="40" height="20">{element}</svg>').getextrema()[3][1] == 255


def test_a_script_is_not_run_and_the_rest_is_drawn():
    drawn = look(f'{HEAD}width="4" height="4"><script>while(1);</script><rect width="4" height="4" fill="#00f"/></svg>')

    assert drawn.getpixel((400, 400)) == (0, 0, 255, 255)


def test_of_a_large_drawing_the_words_are_told():
    content = f"{HEAD}><title>A plan</title><text>left <tspan>wing</tspan></text><!--{'x' * SOURCE}--></svg>"

    assert draw_svg(content.encode())[1] == "A plan\nleft wing"


@pytest.mark.parametrize(
    "content",
    [
        b"<svg",
        b"<svg><g></svg>",
        b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>',
        b"<!DOCTYPE svg [<!ENTITY a0 'hahahahahahahahahahaha'>"
        + b"".join(b"<!ENTITY a%d '%s'>" % (at + 1, b"&a%d;" % at * 10) for at in range(9))
        + b"]><svg xmlns='http://www.w3.org/2000/svg'><text>&a9;</text></svg>",
    ],
    ids=["cut", "broken", "external", "laughs"],
)
def test_what_cannot_be_drawn_says_so(content):
    with pytest.raises(Unreadable) as raised:
        draw_svg(content)

    assert str(raised.value) == BROKEN
