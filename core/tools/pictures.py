"""Pictures in results of tools: each as its bytes say that it is, and as Claude is shown it. Others are notes."""

import base64
import binascii

from core.domain.content import Image, Text
from core.files.conversion import convert_file

IMAGES = 8  # of one result
MORE = "[A further image is left out.]"


async def read_picture(data: str, name: str = "the picture") -> Image | Text:
    """A picture out of its base64; else why it can't be shown: the API refuses a whole request for a broken one."""
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return Text(f"[{name} is broken.]")
    converted = await convert_file(name, content)
    if isinstance(converted.shown, Image):
        return converted.shown
    return Text(f"[{name} can't be shown: {converted.problem or 'it is no picture'}]")
