"""The bytes of images and PDFs, as far as the Messages API refuses them."""

import base64
import binascii
import struct
from collections.abc import Mapping

from tests.fakes.claude.blocks import Base64, Block, Document, Image, Pdf, Picture, Uploaded
from tests.fakes.claude.models import Model
from tests.fakes.claude.refused import Refused
from tests.fakes.claude.tokens import pages

IMAGE = 10 * 1024 * 1024  # bytes in base64
SIDE = 8_000  # pixels
SIDE_OF_MANY = 2_000  # pixels, with more than `MANY` images
MANY = 20
LARGE_CONTEXT = 1_000_000  # tokens: from here on, a request may hold more
IMAGES, IMAGES_LARGE = 100, 600
PDF_PAGES, PDF_PAGES_LARGE = 100, 600


def check(blocks: Mapping[str, Block], model: Model) -> None:
    """Raise 400 for images and PDFs among `blocks`, by their paths, that the API can't read or finds too large."""
    large = model.max_input >= LARGE_CONTEXT
    images = {path: block for path, block in blocks.items() if isinstance(block, Image)}
    if len(images) > (most := IMAGES_LARGE if large else IMAGES):
        raise Refused(f"Too many images: {len(images)} > {most} maximum")
    side = SIDE_OF_MANY if len(images) > MANY else SIDE
    if paths := [path for path, image in images.items() if max(_size(image)) > side]:
        raise Refused(
            f"At least one of the image dimensions exceed max allowed size: {side} pixels",
            details={"error_code": "image_dimensions_too_large", "max_side_length_pixels": side, "paths": paths},
        )
    total = sum(_pages(block) for block in blocks.values() if isinstance(block, Document))
    if total > (most := PDF_PAGES_LARGE if large else PDF_PAGES):
        raise Refused(f"A maximum of {most} PDF pages may be provided.")


def _size(image: Image) -> tuple[int, int]:
    if image.source.type == "url":
        raise Refused("Unable to download the file.")
    if isinstance(image.source, Picture) and len(image.source.data) > IMAGE:
        raise Refused(f"image exceeds 10 MB maximum: {len(image.source.data)} bytes > {IMAGE} bytes")
    told, content = _content(image.source)
    kind, width, height = measured(content)
    if kind != told:
        raise Refused(
            f"The image was specified using the {told} media type, but the image appears to be a {kind} image"
        )
    return width, height


def _pages(document: Document) -> int:
    if document.source.type == "url":
        raise Refused("Unable to download the file.")
    if not isinstance(document.source, Pdf | Uploaded):
        return 0
    told, content = _content(document.source)
    if not content.startswith(b"%PDF-") or told != "application/pdf":
        raise Refused("The PDF specified was not valid.")
    return pages(content)


def _content(source: Base64 | Uploaded) -> tuple[str, bytes]:
    """The media type that a file has, it says, and its bytes."""
    if isinstance(source, Uploaded):
        return source.held.kind, source.held.content
    return source.media_type, _bytes(source)


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
