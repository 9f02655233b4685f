"""Texts: the words of a file, by its bytes: UTF-8, UTF-16 that says so, else the code page that Excel writes."""

import codecs
import re

from core.domain.content import FileContent

TOLD = 100_000  # bytes of a text that are kept
KNOWN = 4_000_000  # of one that a persona knows: no model reads more
LEGACY = "cp1252"
FOREIGN = 0.3  # of the letters of a text in the code page, at most, are none of ASCII

BINARY = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # what no text has
CONTINUED = bytes(range(0x80, 0xC0))  # the middle of a character in UTF-8
_LOW = range(0xDC00, 0xE000)  # the second half of a character in UTF-16
_CUT = "\n[... the middle is left out here ...]\n"


def read_text(content: bytes, told: int = TOLD) -> FileContent | None:
    """The words of a text, its middle left out where it is long; None for what is no text."""
    order = _find_order(content)
    for encoding in (order,) if order else ("utf-8", LEGACY):
        text = _decode(content, encoding, told)
        if text is None or BINARY.search(text):
            continue
        foreign = sum(not letter.isascii() for letter in text) if encoding == LEGACY else 0
        if foreign <= FOREIGN * len(text):
            named = "Windows-1252" if encoding == LEGACY else ""
            return FileContent(text=text, cut=len(content) > told, encoding=named)
    return None


def shorten_text(text: str, told: int = TOLD) -> tuple[str, bool]:
    """The words that a converter made, its middle left out where it is long, and whether it is."""
    content = BINARY.sub("", text).encode(errors="replace")
    return _decode(content, "utf-8", told) or "", len(content) > told


def _find_order(content: bytes) -> str:
    """Which UTF-16 it says that it is, if it says so."""
    if content.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    return "utf-16-be" if content.startswith(codecs.BOM_UTF16_BE) else ""


def _decode(content: bytes, encoding: str, told: int) -> str | None:
    long = len(content) > told
    head = content[: told // 2] if long else content
    try:
        begins = codecs.getincrementaldecoder(encoding)().decode(head, final=not long).removeprefix("\ufeff")
        return begins + _CUT + _cut_tail(content, encoding, told).decode(encoding) if long else begins
    except UnicodeDecodeError:
        return None


def _cut_tail(content: bytes, encoding: str, told: int) -> bytes:
    """The last bytes, from the beginning of a character."""
    start = len(content) - told // 2
    if encoding == "utf-8":
        return content[start:].lstrip(CONTINUED)
    if encoding == LEGACY:
        return content[start:]
    start += start % 2
    unit = int.from_bytes(content[start : start + 2], "little" if encoding == "utf-16-le" else "big")
    return content[start + 2 * (unit in _LOW) :]
