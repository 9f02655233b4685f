"""The stand-in for Claude refuses the images and documents that the Messages API refuses, in its words."""

import struct
from typing import Any

import anthropic
import pytest

from tests.fakes.claude.client import (
    ASK,
    OLD_HAIKU,
    base64_block,
    said,
    text,
    user,
)
from tests.fakes.claude.media import measured


def png(width: int = 1, height: int = 1) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", width, height)


def image(content: bytes, media_type: str = "image/png") -> dict[str, Any]:
    return base64_block("image", media_type, content)


def pdf(content: bytes) -> dict[str, Any]:
    return base64_block("document", "application/pdf", content)


REFUSALS = {
    "an image that is none": (said(user(image(b"Hello"))), "Could not process image"),
    "an image cut short": (said(user(image(png()[:20]))), "Could not process image"),
    "an image under another type": (
        said(user(image(png(), "image/jpeg"))),
        "The image was specified using the image/jpeg media type, but the image appears to be a image/png image",
    ),
    "an image over 10 MB": (
        said(user(image(png() + bytes(7_864_320)))),
        "image exceeds 10 MB maximum: 10485792 bytes > 10485760 bytes",
    ),
    "an image over 8,000 pixels": (
        said(user(image(png(8001)))),
        "At least one of the image dimensions exceed max allowed size: 8000 pixels",
    ),
    "21 images, one over 2,000 pixels": (
        said(user(*[image(png())] * 20, image(png(2001)))),
        "At least one of the image dimensions exceed max allowed size: 2000 pixels",
    ),
    "101 images for 200,000 tokens": (
        {"model": OLD_HAIKU, **said(user(*[image(png())] * 101))},
        "Too many images: 101 > 100 maximum",
    ),
    "a PDF that is none": (said(user(pdf(b"Hello"))), "The PDF specified was not valid."),
    "a PDF of 601 pages": (
        said(user(pdf(b"%PDF-1.7" + b"/Type /Page\n" * 601))),
        "A maximum of 600 PDF pages may be provided.",
    ),
    "an image behind a link": (
        said(user({"type": "image", "source": {"type": "url", "url": "https://files.slack.com/a.png"}})),
        "Unable to download the file.",
    ),
}


LARGE = "At least one of the image dimensions exceed max allowed size: {} pixels"
DETAILS = {
    LARGE.format(side): {"error_code": "image_dimensions_too_large", "max_side_length_pixels": side, "paths": [path]}
    for side, path in ((8_000, "messages.0.content.0"), (2_000, "messages.0.content.20"))
}
"""What is told beside the words of a refusal."""

IMAGES = {
    "png": ("image/png", png(3, 2)),
    "gif": ("image/gif", b"GIF89a" + struct.pack("<HH", 3, 2)),
    "jpeg": ("image/jpeg", b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x02\0\x03"),
    "webp, lossy": ("image/webp", b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 3, 2)),
    "webp, lossless": ("image/webp", b"RIFF\0\0\0\0WEBPVP8L" + bytes(5) + struct.pack("<I", 2 | 1 << 14)),
    "webp, extended": ("image/webp", b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\x02\0\0\x01\0\0"),
}


@pytest.mark.parametrize(("asked", "words"), REFUSALS.values(), ids=REFUSALS)
async def test_it_refuses(claude, sdk, asked, words):
    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.messages.create(**{**ASK, **asked})

    error = {"type": "invalid_request_error", "message": words, "details": DETAILS.get(words)}
    assert caught.value.body == {"type": "error", "error": error, "request_id": caught.value.request_id}
    assert [refused.message for refused in claude.refused] == [words]
    assert claude.billed == []


@pytest.mark.parametrize(("media_type", "content"), IMAGES.values(), ids=IMAGES)
async def test_it_takes_an_image_and_knows_its_size(claude, sdk, media_type, content):
    await sdk.messages.create(**{**ASK, **said(user(image(content, media_type), text("What is it?")))})

    assert claude.refused == []
    assert measured(content) == (media_type, 3, 2)


async def test_it_takes_documents(claude, sdk):
    plain = {"type": "document", "title": "a.txt", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}

    await sdk.messages.create(**{**ASK, **said(user(pdf(b"%PDF-1.7"), plain, text("What are they?")))})

    assert claude.refused == []


async def test_a_file_that_was_never_uploaded_is_not_found(sdk):
    file = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}

    with pytest.raises(anthropic.NotFoundError):
        await sdk.messages.create(**{**ASK, **said(user(file))})
