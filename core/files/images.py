"""Images: a picture as Claude is shown it. Run by `core.files.worker`, for a hostile one takes seconds and memory."""

import io
import math
from typing import cast

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
SIDE = 2_000  # pixels: the longest that the API takes of one among many images
PIXELS = 50_000_000  # of the original: more take seconds and hundreds of megabytes to read
UNKNOWN = "it is neither a picture nor a text that I can read, or it is broken; save it anew, as PNG, JPEG, PDF or text"
PHOTOS = ("JPEG", "MPO", "AVIF", "HEIF")
LARGE = 1_000_000  # bytes of what is shown: a PNG above that becomes a JPEG, and that is made smaller
SCALABLE = {"RGB", "RGBA", "L", "LA", "CMYK"}  # colours that are scaled as they are
DEEP = {"I", "I;16", "I;16B", "I;16L", "F"}  # grey of more than 256 steps
QUALITIES = (90, 75, 60)  # of JPEG
SMALLER = 0.75  # of the side, where the lowest quality is still too large

Image.MAX_IMAGE_PIXELS = None  # for `PIXELS` is asked first, and says how many there are


def convert_image(content: bytes, formats: tuple[str, ...] = FORMATS) -> tuple[dict[str, object], bytes]:
    """An image as Claude is shown it: upright, no larger than it reads, without anything about where it was made.

    What it is, and its bytes; else the problem, and none.
    """
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            if image.width * image.height > PIXELS:
                megapixels = math.ceil(image.width * image.height / 1_000_000)
                most = PIXELS // 1_000_000
                return {"problem": f"it has {megapixels:,} megapixels, and I read up to {most}; make it smaller"}, b""
            lossy = image.format in PHOTOS
            upright = _shrink(image)
    except MemoryError:
        return {"problem": "it needs too much memory"}, b""
    except (OSError, ValueError, SyntaxError):
        return {"problem": UNKNOWN}, b""
    kind, encoded, (width, height) = _encode(upright, lossy=lossy)
    return {"type": kind, "width": width, "height": height}, encoded


def _shrink(image: Image.Image) -> Image.Image:
    """The first frame, turned as its camera was held, within `SIDE`, in colours that both formats have."""
    colours = "RGBA" if image.has_transparency_data else "RGB"
    small = _make_scalable(image, colours)
    small.thumbnail((SIDE, SIDE))  # before anything else makes a copy of it
    plain = ImageOps.exif_transpose(small).convert(colours)
    clean = Image.new(plain.mode, plain.size)  # which has nothing of the file but its pixels
    clean.paste(plain)
    return clean


def _make_scalable(image: Image.Image, colours: str) -> Image.Image:
    if image.mode in DEEP:
        return _flatten(image)
    return image if image.mode in SCALABLE else image.convert(colours)


def _flatten(image: Image.Image) -> Image.Image:
    """Deep grey in 256 steps, from the darkest that it has to the brightest."""
    deep = image.convert("I") if image.mode.startswith("I;") else image
    deep = deep.convert("F")
    darkest, brightest = cast(tuple[float, float], deep.getextrema())
    if not (math.isfinite(darkest) and math.isfinite(brightest)):
        raise ValueError("no grey has a place between these")
    scale = 255 / ((brightest - darkest) or 1)
    return deep.point(lambda grey: grey * scale - darkest * scale).convert("L")


def _encode(image: Image.Image, *, lossy: bool) -> tuple[str, bytes, tuple[int, int]]:
    """A photo stays one; what is drawn stays sharp, unless that is too large. Its type, its bytes, its size."""
    if not lossy:
        drawn = _save(image, "PNG", optimize=True)
        if len(drawn) <= LARGE:
            return "image/png", drawn, image.size
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    while True:
        for quality in QUALITIES:
            written = _save(ground, "JPEG", quality=quality)
            if len(written) <= LARGE:
                return "image/jpeg", written, ground.size
        ground = ground.resize((math.ceil(ground.width * SMALLER), math.ceil(ground.height * SMALLER)))


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()
