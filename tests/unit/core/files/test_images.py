"""What becomes of a picture before Claude is shown it. Tests core.files.images."""

import io
import math
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from core.files.images import LARGE, PIXELS, SIDE, convert_image

HELP = "save it anew, as PNG, JPEG, PDF or text"


def picture(kind: str, size=(40, 30), mode: str = "RGB", **options) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, 0).save(written, kind, **options)
    return written.getvalue()


def reread(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize(
    ("kind", "mode", "becomes"),
    [
        ("JPEG", "RGB", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("PNG", "RGBA", "image/png"),
        ("PNG", "I;16", "image/png"),
        ("PNG", "1", "image/png"),
        ("GIF", "P", "image/png"),
        ("WEBP", "RGB", "image/png"),
        ("BMP", "RGB", "image/png"),
        ("TIFF", "LA", "image/png"),
    ],
)
def test_each_kind_of_picture_becomes_one_that_claude_takes(kind, mode, becomes):
    told, content = convert_image(picture(kind, mode=mode))

    assert told == {"type": becomes, "width": 40, "height": 30}
    assert Image.MIME[reread(content).format] == becomes


def test_a_large_picture_is_scaled_to_what_one_among_many_may_be():
    told, content = convert_image(picture("PNG", (3_000, 1_500)))

    assert (told["width"], told["height"]) == (SIDE, SIDE // 2)
    assert reread(content).size == (SIDE, SIDE // 2)


def test_a_photo_stands_upright_and_tells_nothing_of_its_camera():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "Camera of Ada"
    exif.get_ifd(0x8825)[1] = "N"  # where it was made

    told, content = convert_image(picture("JPEG", (40, 30), exif=exif))

    assert (told["width"], told["height"]) == (30, 40)
    assert dict(reread(content).getexif()) == {}
    assert b"Ada" not in content


def test_the_words_in_a_png_are_left_out():
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", "made at 52.5 N 13.4 E")

    _, content = convert_image(picture("PNG", pnginfo=words))

    assert b"52.5" not in content
    assert reread(content).info == {}


def test_of_a_moving_picture_the_first_frame_is_shown():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:])

    _, content = convert_image(written.getvalue())

    assert reread(content).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.slow
def test_a_drawing_that_stays_too_large_becomes_a_photo_on_white():
    noise = Image.effect_noise((1_500, 1_500), 100).convert("RGBA")
    noise.putpixel((0, 0), (0, 0, 0, 0))
    written = io.BytesIO()
    noise.save(written, "PNG")

    told, content = convert_image(written.getvalue())

    assert told["type"] == "image/jpeg"
    assert min(reread(content).getpixel((0, 0))) > 100
    assert len(written.getvalue()) > LARGE


def huge_png(side: int) -> bytes:
    """A header of a picture that would need gigabytes, and nothing behind it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    opened = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return opened + struct.pack(">I", 10) + b"IDAT"


@pytest.mark.parametrize("side", [int(PIXELS**0.5) + 1, 30_000, 2**31 - 1])
def test_a_picture_of_too_many_pixels_is_not_unpacked(side):
    told, content = convert_image(huge_png(side))

    assert f"it has {math.ceil(side * side / 1e6):,} megapixels" in str(told["problem"])
    assert content == b""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture at all",
        b"PK\x03\x04" + bytes(100),
        picture("PNG")[:60],
        picture("JPEG")[:200],
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
    ids=["nothing", "words", "zip", "cut png", "cut jpeg", "postscript", "svg"],
)
def test_what_is_no_picture_says_so(content):
    told, written = convert_image(content)

    assert told == {"problem": f"it is neither a picture nor a text that I can read, or it is broken; {HELP}"}
    assert written == b""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_bytes_that_are_shown_are_bounded_whatever_the_picture_is(kind):
    noise = Image.merge("RGB", [Image.effect_noise((2_000, 2_000), 200) for _ in range(3)])
    written = io.BytesIO()
    noise.save(written, kind, quality=100)

    told, content = convert_image(written.getvalue())

    assert len(content) <= LARGE
    assert reread(content).size == (told["width"], told["height"])


@pytest.mark.parametrize(
    ("mode", "kind", "values"),
    [("I;16", "PNG", (0, 2_000, 4_000)), ("I", "TIFF", (-70_000, 0, 70_000)), ("F", "TIFF", (0.25, 0.5, 0.75))],
)
def test_deep_grey_is_scaled_by_its_range(mode, kind, values):
    image = Image.new(mode, (3, 1))
    for at, value in enumerate(values):
        image.putpixel((at, 0), value)
    written = io.BytesIO()
    image.save(written, kind)

    _, content = convert_image(written.getvalue())

    shown = reread(content).convert("L")
    assert [shown.getpixel((at, 0)) for at in range(3)] == pytest.approx([0, 127, 255], abs=1)


def test_a_phone_s_picture_of_several_frames_is_a_photo():
    first, second = Image.new("RGB", (40, 30), "red"), Image.new("RGB", (40, 30), "blue")
    written = io.BytesIO()
    first.save(written, "MPO", save_all=True, append_images=[second])

    told, content = convert_image(written.getvalue())

    assert told["type"] == "image/jpeg"
    assert reread(content).getpixel((5, 5))[0] > 200
