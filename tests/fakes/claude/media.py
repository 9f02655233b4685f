"""The bytes of images and PDFs, as far as the Messages API refuses them."""

import base64
import binascii
import struct

from tests.fakes.claude.blocks import Base64, Block, Document, Image, Pdf, Picture
from tests.fakes.claude.models import Model
from tests.fakes.claude.refused import Refused, missing
from tests.fakes.claude.tokens import pages

IMAGE = 10 * 1024 * 1024  # bytes in base64
SIDE = 8_000  # pixels
SIDE_OF_MANY = 2_000  # pixels, with more than `MANY` images
MANY = 20
LARGE_CONTEXT = 1_000_000  # tokens: from here on, a request may hold more
IMAGES, IMAGES_LARGE = 100, 600
PDF_PAGES, PDF_PAGES_LARGE = 100, 600


def check(blocks: list[Block], model: Model) -> None:
    """Raise 400 for images and PDFs among `blocks` that the API can't read or finds too large, 404 for files."""
    large = model.max_input >= LARGE_CONTEXT
    images = [block for block in blocks if isinstance(block, Image)]
    if len(images) > (most := IMAGES_LARGE if large else IMAGES):
        raise Refused(f"Too many images: {len(images)} > {most} maximum")
    for image in images:
        _image(image, SIDE_OF_MANY if len(images) > MANY else SIDE)
    total = sum(_pages(block) for block in blocks if isinstance(block, Document))
    if total > (most := PDF_PAGES_LARGE if large else PDF_PAGES):
        raise Refused(f"A maximum of {most} PDF pages may be provided.")


def _image(image: Image, side: int) -> None:
    if not isinstance(image.source, Picture):
        raise missing("File not found.") if image.source.type == "file" else Refused("Unable to download the file.")
    if len(image.source.data) > IMAGE:
        raise Refused(f"image exceeds 10 MB maximum: {len(image.source.data)} bytes > {IMAGE} bytes")
    content = _bytes(image.source)
    kind, width, height = measured(content)
    if kind != image.source.media_type:
        raise Refused(
            f"The image was specified using the {image.source.media_type} media type, "
            f"but the image appears to be a {kind} image"
        )
    if max(width, height) > side:
        raise Refused(f"At least one of the image dimensions exceed max allowed size: {side} pixels")


def _pages(document: Document) -> int:
    if document.source.type in ("file", "url"):
        raise missing("File not found.") if document.source.type == "file" else Refused("Unable to download the file.")
    if not isinstance(document.source, Pdf):
        return 0
    content = _bytes(document.source)
    if not content.startswith(b"%PDF-"):
        raise Refused("The PDF specified was not valid.")
    return pages(content)


def _bytes(source: Base64) -> bytes:
    try:
        return base64.b64decode(source.data, validate=True)
    except binascii.Error as error:
        raise Refused(f"source.base64.data: invalid base64: {error}") from None


def measured(content: bytes) -> tuple[str, int, int]:
    """Media type, width and height of an image; raises 400 for bytes that are none."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return "image/png", *struct.unpack(">II", content[16:24])
        if content.startswith((b"GIF87a", b"GIF89a")):
            return "image/gif", *struct.unpack("<HH", content[6:10])
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return "image/webp", *_webp(content)
        if content.startswith(b"\xff\xd8"):
            return "image/jpeg", *_jpeg(content)
    except (struct.error, IndexError):
        pass
    raise Refused("Could not process image")


def _webp(content: bytes) -> tuple[int, int]:
    """Only the extended form says its size in whole bytes; the others are taken at their 14 bits."""
    if content[12:16] == b"VP8X":
        return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
    if content[12:16] == b"VP8L":
        (bits,) = struct.unpack("<I", content[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", content[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _jpeg(content: bytes) -> tuple[int, int]:
    """Segment by segment to the frame header (ITU T.81, B.2.2)."""
    at = 2
    while not (0xC0 <= content[at + 1] <= 0xCF and content[at + 1] not in (0xC4, 0xC8, 0xCC)):
        at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    height, width = struct.unpack(">HH", content[at + 5 : at + 9])
    return int(width), int(height)
